"""What the sinks have in common that send many alerts in one call of AWS: client, deadline, errors by entry.

Each of them says what an entry is, which call takes it, and where its answer names what failed.  Only that is tried
again: each alert has the outcome of its own entry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from anyio import fail_after
from pydantic import Field

from daemon.clients import answered, aws_errors, entry_error
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.sinks.base import Notice, SinkConfig, SinkContext
from daemon.sinks.gathering import Gatherer, Limits

Entry = dict[str, Any]
"""As the call takes it."""


class BatchingConfig(SinkConfig):
    """What every sink that sends in batches has."""

    max_concurrency: int = Field(default=64, ge=1, le=256)
    """How many alerts are under way to this target at the same time, counted until they are confirmed; those that wait
    while a call is under way go together in the next one.  To the breaker a call that fails is a failure of each alert
    in it."""


ConfigT = TypeVar("ConfigT", bound=BatchingConfig)


class BatchingSink(ABC, Generic[ConfigT]):
    """One entry a notice, many entries a call."""

    service: ClassVar[str]
    limits: ClassVar[Limits]
    largest: ClassVar[int]
    """Bytes of one entry."""

    def __init__(self, _name: str, config: ConfigT, context: SinkContext) -> None:
        self._config = config
        self._clock = context.clock
        self._aws = context.aws
        self._gatherer: Gatherer[Entry] = Gatherer(self._send_together, self.limits)

    @abstractmethod
    def _region(self) -> str | None:
        """Return where the calls go; None for the daemon's own region."""

    @abstractmethod
    def _entry(self, notice: Notice) -> tuple[Entry, int]:
        """Return the entry of a notice and its bytes as the service counts them.  Raises PermanentError."""

    def _identity(self, _entry: Entry) -> str | None:
        """Return what only one entry of a call may have; None where entries are all different."""
        return None

    @abstractmethod
    async def _put(self, client: Any, entries: Sequence[Entry]) -> Mapping[str, Any]:
        """Make the call."""

    @abstractmethod
    def _outcomes(self, answer: Mapping[str, Any], entries: Sequence[Entry]) -> list[EffectError | None]:
        """Return what became of each entry.  Raises RetryableError for an answer that does not say."""

    @abstractmethod
    async def _look(self, client: Any) -> str:
        """Return a line that says what is there."""

    async def open(self) -> None:
        """See Sink."""
        await self._client()

    async def send(self, notice: Notice) -> None:
        """See Sink."""
        entry, size = self._entry(notice)
        if size > self.largest:
            raise PermanentError(FailureKind.REFUSED, f"{size} bytes are over {self.largest}")
        await self._gatherer.send(entry, size, self._identity(entry))

    async def check(self) -> str:
        """See Sink."""
        client = await self._client()
        with aws_errors(), fail_after(self._config.timeout_seconds):
            return await self._look(client)

    async def close(self) -> None:
        """See Sink; whoever made the AWS clients closes them."""

    async def _send_together(self, entries: Sequence[Entry]) -> list[EffectError | None]:
        client = await self._client()
        with aws_errors(), fail_after(self._config.timeout_seconds):
            return self._outcomes(await self._put(client, entries), entries)

    async def _client(self) -> Any:
        return await self._aws.client(self.service, self._region())


def outcomes_in_order(answer: Mapping[str, Any], field: str, count: int) -> list[EffectError | None]:
    """Return the outcomes where an answer has one for each entry, in order, with ErrorCode where it failed.

    Raises RetryableError where there are not as many: nobody knows which ones were taken.
    """
    results = answered(answer, field)
    if len(results) != count:
        raise RetryableError(FailureKind.SERVER_ERROR, f"an answer with {len(results)} {field} to {count}")
    return [
        entry_error({"Code": result["ErrorCode"], "Message": result.get("ErrorMessage", "")})
        if result.get("ErrorCode")
        else None
        for result in results
    ]
