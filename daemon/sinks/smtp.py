"""Alerts as mails, through a mail server."""

from __future__ import annotations

import ssl
from collections import OrderedDict
from pathlib import Path
from typing import Annotated, Literal, Self

from anyio import fail_after
from pydantic import Field, model_validator

from daemon.clients.smtp import PORTS, MailServer, Security, hand_over, open_smtp, smtp_errors
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.secret_reference import Secret
from daemon.sinks.base import Notice, SinkContext
from daemon.sinks.mail import MailConfig, mail_of
from daemon.sinks.text import printable
from daemon.sinks.trust import trusting
from daemon.text_form import TextForm

_REMEMBERED = 1_000
"""Alerts whose recipients are remembered while some of them are still to be told."""

HostName = Annotated[
    str, TextForm(r"^[A-Za-z0-9.:_-]{1,253}$", "the name or address of a host, without a port", "smtp.example.com")
]


class SmtpConfig(MailConfig):
    """Sends each alert as a plain text mail.  Certificates are verified; without TLS no password is sent.

    A recipient that the server does not take for now (4yz) is tried again without writing to the others twice; one that
    it refuses for good (5yz) puts the alert into the dead-letter place, and the others have it.
    """

    type: Literal["smtp"]
    host: HostName
    """The mail server: a relay of yours, or of your provider."""
    port: int | None = Field(default=None, ge=1, le=65_535)
    """587 with starttls, 465 with tls, 25 with none, unless given."""
    security: Security = Security.STARTTLS
    """starttls, tls (from the first byte), or none: for a relay on the same host."""
    username: str | None = Field(default=None, min_length=1, max_length=256)
    """With it, the daemon logs in."""
    password: Secret | None = None
    """Of that user."""
    password_file: Path | None = None
    """Holds the password instead; read again for every alert."""
    client_name: HostName = "localhost"
    """What the daemon calls itself in EHLO; some servers want a name that DNS knows."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust instead of the system's."""
    max_concurrency: int = Field(default=2, ge=1, le=256)
    """How many mails are under way at the same time, each on a connection of its own: servers limit those."""
    timeout_seconds: float = Field(default=30.0, gt=0, le=300)
    """For one attempt, from connecting until the mail is taken."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("give at most one of password and password_file")
        if (self.username is None) != (self.password is None and self.password_file is None):
            raise ValueError("give a username and a password (or password_file), or neither")
        if self.username is not None and self.security is Security.NONE:
            raise ValueError("a password is sent over TLS only: security must be starttls or tls")
        return self


class SmtpSink:
    """One mail a notice, to all recipients."""

    def __init__(self, _name: str, config: SmtpConfig, context: SinkContext) -> None:
        self._config = config
        self._clock = context.clock
        self._secrets = context.secrets
        self._tls: ssl.SSLContext | None = None
        self._told: OrderedDict[str, set[str]] = OrderedDict()
        """By key of an alert: who has it already, while some do not."""

    async def open(self) -> None:
        """See Sink."""
        await self._server()

    async def send(self, notice: Notice) -> None:
        """See Sink."""
        mail = mail_of(notice, self._config, self._clock.now())
        told = self._told.get(notice.key, set())
        waiting = [recipient for recipient in self._config.recipients if recipient not in told]
        async with self._secrets.in_use(self._config):
            with smtp_errors(), fail_after(self._config.timeout_seconds):
                async with open_smtp(await self._server()) as smtp:
                    refused = await hand_over(smtp, self._config.sender, waiting, mail)
                    self._remember(notice.key, told.union(waiting).difference(refused))
        if refused:
            raise _refusal({**refused}, len(self._config.recipients))

    async def check(self) -> str:
        """See Sink; connects, secures, logs in, and hangs up."""
        async with self._secrets.in_use(self._config):
            server = await self._server()
            with smtp_errors(), fail_after(self._config.timeout_seconds):
                async with open_smtp(server) as smtp:
                    await smtp.noop()
        return f"{server.host}:{server.port}: {'logged in' if server.login else 'connected'} ({server.security})"

    async def close(self) -> None:
        """See Sink; no connection outlives its mail."""

    def _remember(self, key: str, told: set[str]) -> None:
        self._told.pop(key, None)
        if 0 < len(told) < len(self._config.recipients):
            self._told[key] = told
            if len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)

    async def _server(self) -> MailServer:
        config = self._config
        if self._tls is None:
            self._tls = await trusting(config.ca_file)
        password = await self._secrets.read(config.password, config.password_file)
        login = (config.username, password) if config.username is not None and password is not None else None
        port = config.port or PORTS[config.security]
        return MailServer(
            config.host, port, config.security, self._tls, config.client_name, config.timeout_seconds, login
        )


def _refusal(refused: dict[str, EffectError], recipients: int) -> EffectError:
    """Return one error for the recipients that were refused: worth repeating as long as one of them is."""
    passing = [error for error in refused.values() if isinstance(error, RetryableError)]
    said = printable("; ".join(f"{recipient}: {error.detail}" for recipient, error in refused.items()))
    detail = f"{len(refused)} of {recipients} recipients: {said}"[:500]
    return RetryableError(passing[0].kind, detail) if passing else PermanentError(FailureKind.REFUSED, detail)
