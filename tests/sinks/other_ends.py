"""The other end of every sink that reaches over the network, made to misbehave in the way of its protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daemon.clients import AwsClients, AwsSettings
from daemon.sinks import SINKS
from daemon.sinks.base import Sink
from tests.emulators import REGION
from tests.servers import Answer, cut, garbage, serve, silence, status
from tests.sinks.aws_services import AWS_KINDS
from tests.sinks.rigs import build_sink
from tests.sinks.services import MAIL, PEOPLE, SERVICES
from tests.smtp_server import HANG_UP, SAY_NOTHING, serve_mail


class Fault(StrEnum):
    """What the other end does."""

    REFUSES = "4xx"
    DENIES = "denied"
    THROTTLES = "429"
    FAILS = "5xx"
    SAYS_NOTHING = "timeout"
    CUTS = "cut"
    TALKS_NONSENSE = "nonsense"


RETRY_AFTER_SECONDS = 17.0
LOCAL = frozenset({"file", "stdout"})
"""Those that reach over no network; their own tests fill the disk and close the pipe."""
NETWORKED = sorted(SINKS.keys() - LOCAL)

_LATER = {"Retry-After": f"{RETRY_AFTER_SECONDS:.0f}"}
_ANYBODY: dict[Fault, Answer] = {Fault.SAYS_NOTHING: silence, Fault.CUTS: cut, Fault.TALKS_NONSENSE: garbage}
_SERVICE: dict[Fault, Answer] = {
    Fault.REFUSES: status(400),
    Fault.DENIES: status(401),
    Fault.THROTTLES: status(429, _LATER),
    Fault.FAILS: status(503),
    **_ANYBODY,
}
_MAIL = {
    Fault.REFUSES: ("DATA END", "554 no"),
    Fault.DENIES: ("MAIL", "530 log in first"),
    Fault.THROTTLES: ("RCPT", "450 later"),
    Fault.FAILS: ("DATA", "432 out of order"),
    Fault.SAYS_NOTHING: ("DATA END", SAY_NOTHING),
    Fault.CUTS: ("DATA END", HANG_UP),
    Fault.TALKS_NONSENSE: ("", "HTTP/1.1 400 Bad Request"),
}


@dataclass(frozen=True, slots=True)
class OtherEnd:
    """A sink and what its other end does to it."""

    sink: Callable[[float], Sink]
    """Called with its timeout_seconds."""
    misbehave: Callable[[Fault], None]


@asynccontextmanager
async def other_end(kind: str) -> AsyncIterator[OtherEnd]:
    """Yield the other end of a sink, on loopback."""
    async with _mail_server() if kind in MAIL else _http_server(kind) as end:
        yield end


@asynccontextmanager
async def _mail_server() -> AsyncIterator[OtherEnd]:
    async with serve_mail() as server:
        options: dict[str, Any] = {"type": "smtp", "host": "127.0.0.1", "port": server.port, "security": "none"}
        aws = AwsClients(AwsSettings())

        def misbehave(fault: Fault) -> None:
            step, reply = _MAIL[fault]
            server.replies = {step: reply}

        yield OtherEnd(lambda seconds: build_sink(aws, {**options, **PEOPLE, "timeout_seconds": seconds}), misbehave)


@asynccontextmanager
async def _http_server(kind: str) -> AsyncIterator[OtherEnd]:
    async with serve() as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        if kind in AWS_KINDS:
            options, error = AWS_KINDS[kind].options, AWS_KINDS[kind].error
            answers: dict[Fault, Answer] = {
                Fault.REFUSES: error(400, "ValidationException"),
                Fault.DENIES: error(400, "AccessDeniedException"),
                Fault.THROTTLES: error(429, "TooManyRequestsException", _LATER),
                Fault.FAILS: error(500, "InternalFailure"),
                **_ANYBODY,
            }
        else:
            options, answers = {"url": server.url, **SERVICES.get(kind, {})}, _SERVICE

        def misbehave(fault: Fault) -> None:
            server.answers = [answers[fault]]

        yield OtherEnd(
            lambda seconds: build_sink(aws, {"type": kind, **options, "timeout_seconds": seconds}), misbehave
        )
        await aws.close()
