"""Parts of the daemon for the commands about actions, without its flow: nothing is received."""

from __future__ import annotations

import getpass
import random
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import anyio
import typer

from daemon.assembly import Parts, assemble
from daemon.cli.start import run_async
from daemon.clock import SystemClock
from daemon.errors import VigildError
from daemon.settings import load_settings
from daemon.telemetry import build_telemetry

T = TypeVar("T")

IntentArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The intent's id, as alerts and the journal show it.")
]
ByOption = Annotated[
    str | None,
    typer.Option("--by", help="Who does it, for the journal; by default user and host.", show_default=False),
]


def with_parts(config: Path | None, work: Callable[[Parts], Awaitable[T]]) -> T:
    """Assemble the configured parts, present to the other processes that share the state, and do the work with them."""
    settings = load_settings(config)

    async def run() -> T:
        clock = SystemClock()
        telemetry = build_telemetry(settings.telemetry.log_format, settings.telemetry.log_level, clock)
        async with assemble(settings, telemetry, clock, random.Random()) as parts:
            await parts.session.renew()
            try:
                return await _kept_alive(parts, work)
            finally:
                await parts.session.end()

    return run_async(run)


async def _kept_alive(parts: Parts, work: Callable[[Parts], Awaitable[T]]) -> T:
    """Do the work while others see that this process lives: it may hold locks for longer than a session's length."""
    failure: VigildError | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(parts.session.keep, parts.rng)
        try:
            answer = await work(parts)
        except VigildError as error:
            failure = error  # as itself, not in a group
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return answer


def person(by: str | None) -> str:
    """Return who does it."""
    return by or f"{getpass.getuser()}@{socket.gethostname()}"
