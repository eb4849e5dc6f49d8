"""Reads secrets where they are kept: in the configuration, in a file, in Secrets Manager or Parameter Store.

sinks/ and the approvals of dispatch/ ask at every use.  A file is read each time, for it is renewed behind us; what AWS
keeps is remembered and read again after a while, and at once when a service no longer takes what we have.  Where that
fails the last good value stays in use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from anyio import Lock, fail_after, to_thread
from pydantic import BaseModel, Field, SecretStr

from daemon.clients.aws import AwsClients
from daemon.clients.errors import answered, aws_errors
from daemon.clock import Clock
from daemon.errors import ConfigError, EffectError, FailureKind, PermanentError, RetryableError
from daemon.secret_reference import SecretReference, reference_of, references_in
from daemon.telemetry import Telemetry
from daemon.telemetry.conditions import SecretRefreshed, SecretRefreshFailed
from daemon.yaml_file import Strict

_LARGEST_BYTES = 65_536
"""Secrets Manager's own limit; for files, too."""
_ANSWER_SECONDS = 5.0
_LEAST_SECONDS = 5.0
"""Between two reads of one secret, whatever services say of it."""


class SecretSettings(Strict):
    """How secrets are kept fresh that AWS keeps: `aws-secret:` and `aws-parameter:` in place of a secret."""

    refresh_seconds: float = Field(default=300.0, ge=10, le=86_400)
    """How old one may be until it is read again.  It is read at once, too, when a service no longer takes it."""


@dataclass(slots=True, eq=False)
class _Kept:
    """A secret of AWS, as last read."""

    value: str = field(default="", repr=False)
    is_there: bool = False
    tried_at: float = float("-inf")
    failure: RetryableError | None = None
    turn: Lock = field(default_factory=Lock)


class Secrets:
    """Used by one event loop; as many are kept as the configuration names."""

    def __init__(self, aws: AwsClients, settings: SecretSettings, clock: Clock, telemetry: Telemetry) -> None:
        self._changes = 0
        """How often one of them turned out to have changed."""
        self._aws = aws
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._kept: dict[SecretReference, _Kept] = {}

    async def read(self, value: SecretStr | None, file: Path | None = None, least_characters: int = 1) -> str | None:
        """Return the secret, else the file's text without white space around it, else None.

        Raises RetryableError where it cannot be read, is empty, too short or no text: whoever renews it may be at it.
        """
        if value is not None:
            reference = reference_of(value)
            return value.get_secret_value() if reference is None else await self._refer(reference, least_characters)
        return None if file is None else _long_enough(await _read_file(file), file, least_characters)

    @asynccontextmanager
    async def in_use(self, config: BaseModel) -> AsyncIterator[None]:
        """Use the secrets of a configuration in the block: where it is refused, AWS is asked whether they have changed.

        If they have, by then or by somebody else's asking, a PermanentError becomes a RetryableError.  AWS is asked
        every few seconds at most.
        """
        before = self._changes
        try:
            yield
        except PermanentError as error:
            for reference in references_in(config):
                await self._refresh(reference, self._keep(reference), _LEAST_SECONDS)
            if self._changes == before:
                raise
            detail = f"{error.detail}, with a secret that has changed since"
            raise RetryableError(FailureKind.CREDENTIALS, detail) from error

    async def _refer(self, reference: SecretReference, least_characters: int) -> str:
        kept = self._keep(reference)
        if not kept.is_there:
            await self._first(reference, kept)
        elif not kept.turn.locked():
            # While somebody is at it, what there was is good enough for everybody else.
            await self._refresh(reference, kept, self._settings.refresh_seconds)
        return _long_enough(kept.value, reference, least_characters)

    def _keep(self, reference: SecretReference) -> _Kept:
        return self._kept.setdefault(reference, _Kept())

    async def _first(self, reference: SecretReference, kept: _Kept) -> None:
        async with kept.turn:
            if kept.failure is not None and self._clock.monotonic() - kept.tried_at < _LEAST_SECONDS:
                # Many alerts wait for it: one call answers them all.
                raise kept.failure
            if not kept.is_there:
                await self._load(reference, kept)

    async def _refresh(self, reference: SecretReference, kept: _Kept, age: float) -> None:
        async with kept.turn:
            if self._clock.monotonic() - kept.tried_at < age:
                return
            before = kept.value
            try:
                await self._load(reference, kept)
            except EffectError as error:
                self._telemetry.emit(SecretRefreshFailed(str(reference), error.kind, error.detail))
                return
            if kept.value != before:
                self._changes += 1
                self._telemetry.emit(SecretRefreshed(str(reference)))

    async def _load(self, reference: SecretReference, kept: _Kept) -> None:
        kept.failure = None
        try:
            kept.value = _checked(_part(reference, await self._fetch(reference)))
        except (ConfigError, EffectError) as error:
            detail = error.detail if isinstance(error, EffectError) else str(error)
            kept.failure = RetryableError(FailureKind.CREDENTIALS, f"{reference}: {detail}")
            raise kept.failure from error
        finally:
            # Once it is over: a call that hangs takes as long as its answer is good for those who wait.
            kept.tried_at = self._clock.monotonic()
        kept.is_there = True

    async def _fetch(self, reference: SecretReference) -> str:
        client = await self._aws.client(reference.service, reference.region)
        with aws_errors(), fail_after(_ANSWER_SECONDS):
            if reference.service == "ssm":
                answer = await client.get_parameter(Name=reference.name, WithDecryption=True)
                return str(answered(answered(answer, "Parameter"), "Value"))
            answer = await client.get_secret_value(SecretId=reference.name)
        if "SecretBinary" in answer:
            raise RetryableError(FailureKind.CREDENTIALS, "binary, not text")
        return str(answered(answer, "SecretString"))


def _part(reference: SecretReference, text: str) -> str:
    """Return the text that a key leads to, or all of it."""
    if reference.key is None:
        return text
    try:
        found = orjson.loads(text)[reference.key]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        # Not chained: the error may quote the secret.
        found = None
    if not isinstance(found, str):
        raise RetryableError(FailureKind.CREDENTIALS, "no text under this key")
    return found


def _checked(text: str) -> str:
    """Return the text without white space around it.  Raises RetryableError where it cannot be a secret."""
    text = text.strip()
    if not text:
        raise RetryableError(FailureKind.CREDENTIALS, "empty")
    if len(text.encode(errors="replace")) > _LARGEST_BYTES:
        raise RetryableError(FailureKind.CREDENTIALS, f"over {_LARGEST_BYTES} bytes")
    return text


def _long_enough(text: str, where: Path | SecretReference, least_characters: int) -> str:
    if len(text) < least_characters:
        raise RetryableError(FailureKind.CREDENTIALS, f"{where}: shorter than {least_characters} characters")
    return text


async def _read_file(path: Path) -> str:
    try:
        return _checked((await to_thread.run_sync(_start_of, path)).decode())
    except OSError as error:
        raise RetryableError(FailureKind.CREDENTIALS, f"{path}: {error.strerror}") from error
    except UnicodeDecodeError:
        # Not chained: the error holds the bytes.
        raise RetryableError(FailureKind.CREDENTIALS, f"{path}: not UTF-8") from None
    except RetryableError as error:
        raise RetryableError(FailureKind.CREDENTIALS, f"{path}: {error.detail}") from error


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST_BYTES + 1)
