"""A request of aiobotocore as the pattern for the next ones: another body, another date, another signature.

call.py fills the pattern for each call.  Signature Version 4 as botocore.auth.SigV4Auth has it, for requests whose
signature is in a header and covers the body; the key derived for a day is kept.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote, urlsplit

from botocore.awsrequest import AWSPreparedRequest

from daemon.clients.skew import signing_time

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^,]+/\d{8}/([^/,]+)/([^/,]+)/aws4_request,"
    r" SignedHeaders=([^,]+), Signature=[0-9a-f]{64}"
)
_DATE, _TOKEN = "x-amz-date", "x-amz-security-token"
_DATE_HERE, _TOKEN_HERE = "\x00date", "\x00token"
"""No header can hold them."""
_DEFAULT_PORT = {"http": 80, "https": 443}


class Credentials(Protocol):
    """botocore's ReadOnlyCredentials."""

    access_key: str
    secret_key: str
    token: str | None


class Pattern:
    """What stays the same from one request to the next."""

    def __init__(self, request: AWSPreparedRequest, authorization: re.Match[str]) -> None:
        self._region, self._service, self._signed = authorization.groups()
        self.url: str = request.url
        self._headers = {name: _text(value) for name, value in request.headers.items()}
        self._headers["Accept-Encoding"] = "identity"  # as AIOHTTPSession.send has it; signatures do not cover it
        self._with_token = _TOKEN in self._signed.split(";")
        self._canonical = self._canonical_form(request)
        self._keys: dict[tuple[str, str], bytes] = {}
        self._stamp = (0, "")

    @classmethod
    def of(cls, request: AWSPreparedRequest, credentials: Credentials) -> Pattern | None:
        """Return the request's pattern; None where filling it again with the same does not give the same signature."""
        authorization = _AUTHORIZATION.fullmatch(_text(request.headers.get("Authorization", "")))
        if authorization is None or request.method != "POST" or urlsplit(request.url).query:
            return None
        pattern = cls(request, authorization)
        if not pattern.suits(credentials):
            return None
        stamp = _text(request.headers.get("X-Amz-Date", ""))
        again = pattern._headers_for(request.body, stamp, credentials)
        return pattern if again["Authorization"] == authorization.group() else None

    def suits(self, credentials: Credentials) -> bool:
        """Whether credentials have a session token just when the pattern does."""
        return (credentials.token is not None) == self._with_token

    def fill(self, body: bytes, now: float, credentials: Credentials) -> dict[str, str]:
        """Return the headers of a request with this body, signed for this time (seconds since the epoch)."""
        second = int(now)
        if second != self._stamp[0]:
            self._stamp = (second, signing_time(second))
        headers = self._headers_for(body, self._stamp[1], credentials)
        headers["amz-sdk-invocation-id"] = str(uuid.uuid4())
        headers["Content-Length"] = str(len(body))
        return headers

    def _headers_for(self, body: bytes, stamp: str, credentials: Credentials) -> dict[str, str]:
        headers = self._headers.copy()
        headers["X-Amz-Date"] = stamp
        if credentials.token is not None:
            headers["X-Amz-Security-Token"] = credentials.token
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        canonical = self._canonical.replace(_DATE_HERE, stamp).replace(_TOKEN_HERE, credentials.token or "")
        digest = sha256(f"{canonical}{sha256(body).hexdigest()}".encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        signature = hmac.digest(self._key(credentials.secret_key, stamp[:8]), to_sign.encode(), "sha256").hex()
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope},"
            f" SignedHeaders={self._signed}, Signature={signature}"
        )
        return headers

    def _key(self, secret: str, day: str) -> bytes:
        key = self._keys.get((secret, day))
        if key is None:
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._keys = {(secret, day): key}
        return key

    def _canonical_form(self, request: AWSPreparedRequest) -> str:
        """The canonical request up to the hash of its body, with marks where date and session token go."""
        varying = {_DATE: _DATE_HERE, _TOKEN: _TOKEN_HERE}
        values: Mapping[str, str] = {
            "host": _host(request.url),
            **{name.lower(): " ".join(value.split()) for name, value in self._headers.items()},
            **varying,
        }
        lines = "".join(f"{name}:{values.get(name, '')}\n" for name in self._signed.split(";"))
        path = quote(urlsplit(request.url).path or "/", safe="/~")
        return f"POST\n{path}\n\n{lines}\n{self._signed}\n"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _host(url: str) -> str:
    """Return the Host header of a URL: without user and password, without the scheme's own port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in (None, _DEFAULT_PORT.get(parts.scheme)) else f"{host}:{parts.port}"
