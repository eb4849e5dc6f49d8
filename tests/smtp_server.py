"""A mail server on loopback for tests: keeps what it takes, and answers a command as told."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP

import anyio
from anyio.abc import ByteStream, Listener, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener, TLSStream

HANG_UP = "hang up"
SAY_NOTHING = "say nothing"

Reply = str | Callable[[str], str | None]
"""A line to answer, HANG_UP, SAY_NOTHING, or what makes one of them of the command (None: as usual)."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was taken."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """Taken apart."""
        return BytesParser(_class=EmailMessage, policy=SMTP).parsebytes(self.content)

    @property
    def text(self) -> str:
        """Its text, decoded."""
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass(slots=True)
class MailServer:
    """Takes mail; `replies` has what it answers to a command ("RCPT", "" at the beginning) instead of the usual."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    password: str | None = None
    replies: dict[str, Reply] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    lifted: int = 0
    """Connections that were secured by STARTTLS."""

    async def serve(self, stream: ByteStream) -> None:
        """Talk to one client."""
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, anyio.IncompleteRead):
            async with stream:
                await _Session(self, stream).talk()


class _Session:
    def __init__(self, server: MailServer, stream: ByteStream) -> None:
        self._server = server
        self._stream = stream
        self._lines = BufferedByteReceiveStream(stream)
        self._sender = ""
        self._recipients: list[str] = []

    async def talk(self) -> None:
        if not await self._say("", "", "220 ready"):
            return
        while True:
            line = (await self._line()).decode("latin-1")
            self._server.commands.append(line)
            verb = line.split(" ")[0].split(":")[0].upper()
            if not await self._say(verb, line, await self._usual(verb, line)) or verb == "QUIT":
                return
            if verb == "STARTTLS" and self._server.tls is not None:
                self._stream = await TLSStream.wrap(
                    self._stream, server_side=True, ssl_context=self._server.tls, standard_compatible=False
                )
                self._lines = BufferedByteReceiveStream(self._stream)
                self._server.lifted += 1

    async def _line(self) -> bytes:
        return await self._lines.receive_until(b"\r\n", 1_000)

    async def _say(self, verb: str, line: str, usual: str) -> bool:
        """Answer; return whether the talk goes on."""
        reply = self._server.replies.get(verb, usual)
        text = reply(line) or usual if callable(reply) else reply
        if text == SAY_NOTHING:
            await anyio.sleep_forever()
        if text == HANG_UP:
            return False
        await self._stream.send(text.encode() + b"\r\n")
        if verb == "DATA" and text.startswith("354"):
            return await self._take()
        if verb == "RCPT" and text.startswith("2"):
            self._recipients.append(_address(line))
        return True

    async def _take(self) -> bool:
        lines = []
        while (line := await self._line()) != b".":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        reply = self._server.replies.get("DATA END", "250 taken")
        if str(reply).startswith("250"):
            self._server.mails.append(Mail(self._sender, tuple(self._recipients), b"\r\n".join([*lines, b""])))
        return await self._say("DATA END", "", "250 taken")

    async def _usual(self, verb: str, line: str) -> str:
        if verb == "EHLO":
            offers = ["250-mail.test"] + ["250-STARTTLS"] * (self._server.tls is not None)
            return "\r\n".join([*offers, "250-AUTH PLAIN", "250 SIZE 10000000"])
        if verb == "AUTH":
            given = base64.b64decode(line.rpartition(" ")[2]).decode().split("\0")[-1]
            return "235 welcome" if given == self._server.password else f"535 no, {given} is wrong"
        if verb == "MAIL":
            self._sender, self._recipients = _address(line), []
        return {"DATA": "354 go on", "QUIT": "221 goodbye", "STARTTLS": "220 go on"}.get(verb, "250 well")


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


@asynccontextmanager
async def serve_mail(
    tls: ssl.SSLContext | None = None, *, at_once: bool = False, password: str | None = None
) -> AsyncIterator[MailServer]:
    """Serve on a free loopback port until the block ends; TLS by STARTTLS, or from the first byte with at_once."""
    server = MailServer(tls=None if at_once else tls, password=password)
    listener: Listener[ByteStream] = await anyio.create_tcp_listener(local_host="127.0.0.1")
    server.port = listener.extra(SocketAttribute.local_port)
    if at_once and tls is not None:
        listener = TLSListener(listener, tls, standard_compatible=False)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, server.serve)
        yield server
        group.cancel_scope.cancel()
