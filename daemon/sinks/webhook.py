"""Alerts as HTTP POSTs, signed where a secret is given.

The signature: `Vigild-Timestamp` holds the seconds since the epoch at which this attempt was made, `Vigild-Signature`
holds "v1=" and, in hexadecimal, HMAC-SHA256 over the timestamp, a full stop and the body, keyed with the secret.  A
receiver computes it over the bytes as received, compares in constant time, refuses timestamps more than 300 seconds
off, and drops what it has seen: `Idempotency-Key` is the same at every attempt for one alert.
"""

from __future__ import annotations

import hmac
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from yarl import URL

from daemon.secret_reference import LeastLength, Secret, reference_of
from daemon.sinks.base import Notice
from daemon.sinks.posting import Post, PostingSink, SecretUrlConfig, header_value
from daemon.sinks.text import PLAIN_TEXT
from daemon.text_form import TextForm

_OWN_HEADERS = re.compile(
    r"connection|content-.*|host|idempotency-key|keep-alive|te|trailer|transfer-encoding|upgrade|vigild-.*",
    re.IGNORECASE,
)

_LEAST_SECRET = 16

SigningSecret = Annotated[SecretStr, AfterValidator(LeastLength(_LEAST_SECRET))]
HeaderName = Annotated[str, TextForm(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", "the name of a header", "X-Api-Key")]
"""A token (RFC 9110, section 5.1)."""


class WebhookConfig(SecretUrlConfig):
    """Posts each alert to one URL.  TLS certificates are verified; redirects are not followed."""

    type: Literal["webhook"]
    headers: dict[HeaderName, Secret] = Field(default_factory=dict, max_length=32)
    """Sent along, `Authorization` for instance.  Host, Content-*, Idempotency-Key and Vigild-* are ours."""
    secret: SigningSecret | None = Field(default=None, max_length=1024)
    """Signs every request, in Vigild-Timestamp and Vigild-Signature; of 16 characters at least."""
    secret_file: Path | None = None
    """Holds the secret instead; read again for every alert."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.secret is not None and self.secret_file is not None:
            raise ValueError("give at most one of secret and secret_file")
        for name, value in self.headers.items():
            if _OWN_HEADERS.fullmatch(name):
                raise ValueError(f"headers: {name} is set by vigild itself")
            text = value.get_secret_value()
            if reference_of(value) is None and not (text.isascii() and text.isprintable()):
                raise ValueError(f"headers: the value of {name} has a character outside printable ASCII")
        return self


class WebhookSink(PostingSink[WebhookConfig]):
    """The notice's body as it is."""

    async def _read_secrets(self) -> None:
        await super()._read_secrets()
        await self._secret()
        for value in self._config.headers.values():
            await self._secrets.read(value)

    async def _url(self) -> URL:
        return await self._config.read_url(self._secrets)

    async def _post(self, notice: Notice) -> Post:
        return Post(await self._url(), await self._headers(notice), notice.body)

    async def _secret(self) -> str | None:
        return await self._secrets.read(self._config.secret, self._config.secret_file, _LEAST_SECRET)

    async def _headers(self, notice: Notice) -> dict[str, str]:
        headers = {
            name: header_value(await self._secrets.read(value) or "") for name, value in self._config.headers.items()
        }
        charset = "; charset=utf-8" if notice.content_type == PLAIN_TEXT else ""
        headers |= {"Content-Type": notice.content_type + charset, "Idempotency-Key": notice.key}
        secret = await self._secret()
        if secret is not None:
            timestamp = str(int(self._clock.now()))
            headers |= {"Vigild-Timestamp": timestamp, "Vigild-Signature": signature(secret, timestamp, notice.body)}
        return headers


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of Vigild-Signature, see above."""
    return "v1=" + hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()
