"""Talks to a mail server: connects with or without TLS, logs in, hands a mail over, and translates what it answers.

sinks/smtp.py is the caller.  One connection a mail: alerts are few, and servers close idle connections.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import StrEnum
from typing import NamedTuple

import aiosmtplib
from anyio import move_on_after

from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError

_QUIT_SECONDS = 1.0
_LONGEST_DETAIL = 300
_LOGIN_REFUSED = frozenset({530, 534, 535, 538})
"""RFC 4954, section 6."""
_BUSY = frozenset({421, 450, 451, 452})
"""Greylisted, over a rate, a mailbox locked or full: come back later (RFC 5321, section 4.2.3)."""


class Security(StrEnum):
    """How the connection is protected; nothing is sent over one that is less than what was asked for."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
"""RFC 8314 and RFC 6409."""


class MailServer(NamedTuple):
    """Where to connect, and as whom."""

    host: str
    port: int
    security: Security
    tls: ssl.SSLContext
    client_name: str
    timeout_seconds: float
    """For each step; the caller limits the whole."""
    login: tuple[str, str] | None


@asynccontextmanager
async def open_smtp(server: MailServer) -> AsyncIterator[aiosmtplib.SMTP]:
    """Yield a connection that is secured and logged in; hang up at the end, whatever happened."""
    smtp = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.security is Security.TLS,
        start_tls=server.security is Security.STARTTLS,
        tls_context=server.tls,
        local_hostname=server.client_name,
        timeout=server.timeout_seconds,
    )
    try:
        await smtp.connect()
        if server.login is not None:
            await smtp.login(*server.login)
        yield smtp
        # What has been taken is taken, whether or not the server says goodbye.
        with move_on_after(_QUIT_SECONDS), suppress(aiosmtplib.SMTPException, OSError):
            await smtp.quit()
    finally:
        smtp.close()


async def hand_over(
    smtp: aiosmtplib.SMTP, sender: str, recipients: Sequence[str], mail: bytes
) -> Mapping[str, EffectError]:
    """Hand the mail over; return whom the server would not take it for, where it took it for anybody."""
    try:
        refused, _ = await smtp.sendmail(sender, recipients, mail)
    except aiosmtplib.SMTPRecipientsRefused as error:
        return {each.recipient: _from_reply(each.code, each.message) for each in error.recipients}
    return {recipient: _from_reply(reply.code, reply.message) for recipient, reply in refused.items()}


@contextmanager
def smtp_errors() -> Iterator[None]:
    """Raise RetryableError or PermanentError for whatever a mail server does; passwords stay out of the text."""
    try:
        yield
    except aiosmtplib.SMTPAuthenticationError as error:
        # Not its text: a server may repeat what it was sent.
        raise _from_reply(error.code, "login refused") from None
    except aiosmtplib.SMTPResponseException as error:
        raise _from_reply(error.code, error.message) from error
    except TimeoutError as error:
        raise RetryableError(FailureKind.TIMEOUT, "no answer in time") from error
    except aiosmtplib.SMTPException as error:
        raise RetryableError(FailureKind.UNREACHABLE, error.message[:_LONGEST_DETAIL]) from error
    except OSError as error:
        raise RetryableError(FailureKind.UNREACHABLE, type(error).__name__) from error
    except ValueError as error:
        raise RetryableError(FailureKind.SERVER_ERROR, "the answer is not SMTP") from error


def _from_reply(code: int, text: str) -> EffectError:
    """Return the error for a reply: 4yz may pass, 5yz does not (RFC 5321, section 4.2.1)."""
    detail = f"{code} {' '.join(text.split())}"[:_LONGEST_DETAIL]
    if code in _LOGIN_REFUSED:
        return PermanentError(FailureKind.ACCESS_DENIED, detail)
    if 500 <= code < 600:
        return PermanentError(FailureKind.REFUSED, detail)
    return RetryableError(FailureKind.THROTTLED if code in _BUSY else FailureKind.SERVER_ERROR, detail)
