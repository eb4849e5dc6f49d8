"""Alerts as HTTP POSTs, signed where a secret is given.

The signature: `Vigild-Timestamp` holds the seconds since the epoch at which this attempt was made, `Vigild-Signature`
holds "v1=" and, in hexadecimal, HMAC-SHA256 over the timestamp, a full stop and the body, keyed with the secret.  A
receiver computes it over the bytes as received, compares in constant time, refuses timestamps more than 300 seconds
off, and drops what it has seen: `Idempotency-Key` is the same at every attempt for one alert.
"""

from __future__ import annotations

import hmac
import re
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal, Self

import aiohttp
from anyio import fail_after, move_on_after, to_thread
from pydantic import Field, SecretStr, StringConstraints, model_validator
from yarl import URL

from daemon.clients import http_errors, http_status_error, open_session, retry_after, tls_context, try_connecting
from daemon.errors import FailureKind, RetryableError
from daemon.sinks.base import Notice, SinkConfig, SinkContext
from daemon.sinks.secret import read_secret
from daemon.sinks.text import PLAIN_TEXT

_OWN_HEADERS = re.compile(
    r"connection|content-.*|host|idempotency-key|keep-alive|te|trailer|transfer-encoding|upgrade|vigild-.*",
    re.IGNORECASE,
)
_ANSWER_BYTES = 65_536
_ANSWER_SECONDS = 1.0

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")]
"""A token (RFC 9110, section 5.1)."""


class WebhookConfig(SinkConfig):
    """Posts each alert to one URL.  TLS certificates are verified; redirects are not followed."""

    type: Literal["webhook"]
    url: SecretStr | None = None
    """http or https.  A secret, because such URLs often carry a token."""
    url_file: Path | None = None
    """Holds the URL instead; read again for every alert."""
    headers: dict[HeaderName, SecretStr] = Field(default_factory=dict, max_length=32)
    """Sent along, `Authorization` for instance.  Host, Content-*, Idempotency-Key and Vigild-* are ours."""
    secret: SecretStr | None = Field(default=None, min_length=16, max_length=1024)
    """Signs every request, in Vigild-Timestamp and Vigild-Signature."""
    secret_file: Path | None = None
    """Holds the secret instead; read again for every alert."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust instead of the system's."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give exactly one of url and url_file")
        if self.secret is not None and self.secret_file is not None:
            raise ValueError("give at most one of secret and secret_file")
        if self.url is not None:
            _parsed(self.url.get_secret_value())
        for name, value in self.headers.items():
            if _OWN_HEADERS.fullmatch(name):
                raise ValueError(f"headers: {name} is set by vigild itself")
            if not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
                raise ValueError(f"headers: the value of {name} has a character outside printable ASCII")
        return self


class WebhookSink:
    """One POST a notice over at most max_concurrency connections, which are kept open."""

    def __init__(self, _name: str, config: WebhookConfig, context: SinkContext) -> None:
        self._config = config
        self._clock = context.clock
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """See Sink; secrets and certificates are read, so that a missing file shows at the start."""
        await self._url()
        await read_secret(self._config.secret, self._config.secret_file)
        tls = await self._tls()
        self._session = open_session(self._config.max_concurrency, self._config.timeout_seconds, tls)

    async def send(self, notice: Notice) -> None:
        """See Sink."""
        if self._session is None:
            raise RetryableError(FailureKind.UNREACHABLE, "not open")
        url, headers = await self._url(), await self._headers(notice)
        with http_errors():
            async with self._session.post(url, data=notice.body, headers=headers, allow_redirects=False) as answer:
                if not 200 <= answer.status < 300:
                    delay = retry_after(answer.headers.get("Retry-After"), self._clock.now())
                    raise http_status_error(answer.status, delay)
                await _finish(answer)

    async def check(self) -> str:
        """See Sink; connects, with a TLS handshake for https, and hangs up."""
        url = await self._url()
        host, port = url.host or "", url.port or 0
        tls = await self._tls() if url.scheme == "https" else None
        with http_errors(), fail_after(self._config.timeout_seconds):
            await try_connecting(host, port, tls)
        return f"{url.scheme}://{host}:{port}: connected"

    async def close(self) -> None:
        """See Sink."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _url(self) -> URL:
        text = await read_secret(self._config.url, self._config.url_file)
        try:
            return _parsed(text or "")
        except ValueError as error:
            raise RetryableError(FailureKind.CREDENTIALS, f"{self._config.url_file}: {error}") from error

    async def _tls(self) -> ssl.SSLContext:
        try:
            return await to_thread.run_sync(tls_context, self._config.ca_file)
        except OSError as error:
            detail = f"ca_file {self._config.ca_file}: {error.strerror or 'no certificates'}"
            raise RetryableError(FailureKind.CREDENTIALS, detail) from error

    async def _headers(self, notice: Notice) -> dict[str, str]:
        headers = {name: value.get_secret_value() for name, value in self._config.headers.items()}
        charset = "; charset=utf-8" if notice.content_type == PLAIN_TEXT else ""
        headers |= {"Content-Type": notice.content_type + charset, "Idempotency-Key": notice.key}
        secret = await read_secret(self._config.secret, self._config.secret_file)
        if secret is not None:
            timestamp = str(int(self._clock.now()))
            headers |= {"Vigild-Timestamp": timestamp, "Vigild-Signature": signature(secret, timestamp, notice.body)}
        return headers


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of Vigild-Signature, see above."""
    return "v1=" + hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()


def _parsed(text: str) -> URL:
    """Return the URL; the text of the ValueError never holds any of it."""
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("not an http or https URL")
    if url.user is not None or url.password is not None:
        raise ValueError("a URL with a user or password: give an Authorization header instead")
    return url


async def _finish(answer: aiohttp.ClientResponse) -> None:
    """Read what the answer holds, within limits, so that its connection can serve again; what it says is no matter."""
    with move_on_after(_ANSWER_SECONDS), suppress(aiohttp.ClientError, TimeoutError):
        await answer.content.read(_ANSWER_BYTES)
