"""Builds HTTP sessions that verify TLS and keep no cookies, and reads what servers say about when to come back.

sinks/webhook.py is the caller; every HTTP client of the daemon that is not an AWS client starts here.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from anyio import connect_tcp
from anyio.abc import SocketStream
from anyio.streams.tls import TLSStream

_SECONDS = re.compile(r"[0-9]{1,9}")


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a context that verifies certificates and host names, against `ca_file` alone where one is given.

    Reads files: call it in a worker thread.  Raises OSError (ssl.SSLError is one) for a file that is no use.
    """
    return ssl.create_default_context(cafile=ca_file)


def open_session(connections: int, timeout_seconds: float, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """Return a session; the timeout covers a whole exchange.  Answers are never unpacked, so no answer can swell."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=tls),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


def retry_after_seconds(value: str | None) -> float | None:
    """Return what a Retry-After header asks for in seconds; None for a date, for no header and for nonsense."""
    return float(value) if value is not None and _SECONDS.fullmatch(value.strip()) else None


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number, or an HTTP date seen from `now` (RFC 9110).

    None for no header and for one that is neither.
    """
    seconds = retry_after_seconds(value)
    if value is None or seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(value)
        # A date without a zone is meant as GMT: HTTP knows no other (RFC 9110, section 5.6.7).
        asked = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(asked, 0.0)


async def try_connecting(host: str, port: int, tls: ssl.SSLContext | None) -> None:
    """Connect, shake hands where `tls` is given, and hang up.  Raises what http_errors() translates."""
    if tls is None:
        stream: SocketStream | TLSStream = await connect_tcp(host, port)
    else:
        stream = await connect_tcp(host, port, tls=True, ssl_context=tls, tls_standard_compatible=False)
    await stream.aclose()
