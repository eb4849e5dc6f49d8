"""What the sinks have in common that post to a service over HTTP: session, TLS, secrets that are read anew, errors.

webhook.py posts what people choose; slack.py, teams.py, pagerduty.py, opsgenie.py and alertmanager.py post what their
service understands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Generic, NamedTuple, Self, TypeVar

import aiohttp
from anyio import fail_after, move_on_after
from pydantic import model_validator
from pydantic_core import PydanticCustomError
from yarl import URL

from daemon.clients import (
    Secrets,
    http_errors,
    http_status_error,
    open_session,
    retry_after,
    try_connecting,
)
from daemon.errors import FailureKind, RetryableError
from daemon.secret_reference import Secret, reference_of
from daemon.sinks.base import Notice, SinkConfig, SinkContext
from daemon.sinks.trust import trusting

_ANSWER_BYTES = 65_536
_ANSWER_SECONDS = 1.0


class PostingConfig(SinkConfig):
    """What every sink that posts has.  TLS certificates are verified; redirects are not followed."""

    ca_file: Path | None = None
    """Certificates (PEM) to trust instead of the system's."""


class SecretUrlConfig(PostingConfig):
    """Of sinks whose URL is the secret."""

    url: Secret | None = None
    """http or https.  A secret, because such URLs carry a token; or where AWS keeps it."""
    url_file: Path | None = None
    """Holds the URL instead; read again for every alert."""

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give exactly one of url and url_file")
        if self.url is not None and reference_of(self.url) is None:
            try:
                parsed_url(self.url.get_secret_value())
            except ValueError as error:
                raise PydanticCustomError("field_value", "{why}", {"field": "url", "why": str(error)}) from None
        return self

    async def read_url(self, secrets: Secrets) -> URL:
        """Return the URL.  Raises RetryableError where what holds it cannot be read or holds none."""
        try:
            return parsed_url(await secrets.read(self.url, self.url_file) or "")
        except ValueError as error:
            raise RetryableError(FailureKind.CREDENTIALS, f"what url or url_file names: {error}") from error


class Post(NamedTuple):
    """One request."""

    url: URL
    headers: Mapping[str, str]
    body: bytes


ConfigT = TypeVar("ConfigT", bound=PostingConfig)


class PostingSink(ABC, Generic[ConfigT]):
    """One POST a notice over at most max_concurrency connections, which are kept open."""

    def __init__(self, _name: str, config: ConfigT, context: SinkContext) -> None:
        self._config = config
        self._clock = context.clock
        self._secrets = context.secrets
        self._session: aiohttp.ClientSession | None = None

    @abstractmethod
    async def _url(self) -> URL:
        """Return where to; read anew where it stands in a file.  Raises RetryableError."""

    @abstractmethod
    async def _post(self, notice: Notice) -> Post:
        """Return the request for a notice.  Raises RetryableError, and PermanentError where it has no form."""

    async def _read_secrets(self) -> None:
        """Read every secret once, so that a missing file shows at the start.  Raises RetryableError."""
        await self._url()

    async def open(self) -> None:
        """See Sink."""
        await self._read_secrets()
        tls = await trusting(self._config.ca_file)
        self._session = open_session(self._config.max_concurrency, self._config.timeout_seconds, tls)

    async def send(self, notice: Notice) -> None:
        """See Sink."""
        if self._session is None:
            raise RetryableError(FailureKind.UNREACHABLE, "not open")
        async with self._secrets.in_use(self._config):
            await self._send(self._session, await self._post(notice))

    async def _send(self, session: aiohttp.ClientSession, post: Post) -> None:
        with http_errors():
            # Written piece by piece: a large body in one piece would hold up the event loop.
            body = BytesIO(post.body)
            async with session.post(post.url, data=body, headers=post.headers, allow_redirects=False) as answer:
                if not 200 <= answer.status < 300:
                    delay = retry_after(answer.headers.get("Retry-After"), self._clock.now())
                    raise http_status_error(answer.status, delay)
                await _finish(answer)

    async def check(self) -> str:
        """See Sink; connects, with a TLS handshake for https, and hangs up."""
        await self._read_secrets()
        url = await self._url()
        host, port = url.host or "", url.port or 0
        tls = await trusting(self._config.ca_file) if url.scheme == "https" else None
        with http_errors(), fail_after(self._config.timeout_seconds):
            await try_connecting(host, port, tls)
        return f"{url.scheme}://{host}:{port}: connected"

    async def close(self) -> None:
        """See Sink."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def parsed_url(text: str) -> URL:
    """Return the URL; the text of the ValueError never holds any of it."""
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("not a URL") from None
    if "${" in text:
        raise ValueError("${...} is not filled in: set the field by its VIGILD_ variable, or name a file in url_file")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("not a URL that begins with https:// or http://")
    if url.user is not None or url.password is not None:
        raise ValueError("a URL with a user or password: give an Authorization header instead")
    return url


def header_value(text: str) -> str:
    """Return the text of a secret that goes into a header.  Raises RetryableError where it would not be one value."""
    if not (text.isascii() and text.isprintable()):
        raise RetryableError(FailureKind.CREDENTIALS, "a secret for a header has a character outside printable ASCII")
    return text


async def _finish(answer: aiohttp.ClientResponse) -> None:
    """Read what the answer holds, within limits, so that its connection can serve again; what it says is no matter."""
    with move_on_after(_ANSWER_SECONDS), suppress(aiohttp.ClientError, TimeoutError):
        await answer.content.read(_ANSWER_BYTES)
