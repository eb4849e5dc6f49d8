"""For every sink: the sink, opened or not, and a way to see what arrived at the real thing behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.sinks import SINKS, build
from daemon.sinks.base import Sink, SinkContext
from tests.secret_stores import secrets_of
from tests.servers import serve
from tests.sinks.services import PEOPLE, SERVICES
from tests.smtp_server import serve_mail


@dataclass(frozen=True, slots=True)
class Rig:
    """A sink and its other end."""

    sink: Sink
    options: dict[str, Any]
    """What the configuration file says of it."""
    arrived: Callable[[], Awaitable[list[str]]]
    """Return the bodies that have arrived, in any order; what has been returned does not come again."""


def build_sink(aws: AwsClients, options: dict[str, Any]) -> Sink:
    """Return the sink that a configuration file with these options would give."""
    config = SINKS[options["type"]].config.model_validate(options)
    return build("under-test", config, SinkContext(SystemClock(), aws, secrets_of(aws)))


def make_rig(aws: AwsClients, options: dict[str, Any], arrived: Callable[[], Awaitable[list[str]]]) -> Rig:
    """Return the rig of a sink with these options."""
    return Rig(build_sink(aws, options), options, arrived)


@asynccontextmanager
async def stdout_rig(aws: AwsClients, capfd: pytest.CaptureFixture[str]) -> AsyncIterator[Rig]:
    """Standard output of the test process, in JSON."""
    capfd.readouterr()

    async def arrived() -> list[str]:
        return capfd.readouterr().out.split("\n")[:-1]

    yield make_rig(aws, {"type": "stdout", "format": "json"}, arrived)


@asynccontextmanager
async def file_rig(aws: AwsClients, directory: Path) -> AsyncIterator[Rig]:
    """A file in a directory that is not there yet."""
    path, seen = directory / "new" / "alerts.ndjson", 0

    async def arrived() -> list[str]:
        nonlocal seen
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        fresh, seen = lines[seen:], len(lines)
        return fresh

    yield make_rig(aws, {"type": "file", "path": str(path)}, arrived)


@asynccontextmanager
async def webhook_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """An HTTP server."""
    async with serve() as server:

        async def arrived() -> list[str]:
            bodies = [request.body.decode(errors="replace") for request in server.requests]
            server.requests.clear()
            return bodies

        yield make_rig(aws, {"type": "webhook", "url": server.url}, arrived)


@asynccontextmanager
async def service_rig(aws: AwsClients, kind: str) -> AsyncIterator[Rig]:
    """An HTTP server in the place of a service; what arrives is what it is posted."""
    async with serve() as server:

        async def arrived() -> list[str]:
            return [request.body.decode(errors="replace") for request in server.requests]

        yield make_rig(aws, {"type": kind, "url": server.url, **SERVICES[kind]}, arrived)


@asynccontextmanager
async def mail_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """A mail server; what arrives is the texts."""
    async with serve_mail() as server:

        async def arrived() -> list[str]:
            return [mail.text for mail in server.mails]

        options = {"type": "smtp", "host": "127.0.0.1", "port": server.port, "security": "none", **PEOPLE}
        yield make_rig(aws, options, arrived)
