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

from daemon.assembly import Parts, assemble, rules_of
from daemon.cli.loading import settings_with_state
from daemon.cli.start import run_async
from daemon.clock import SystemClock
from daemon.dispatch.remediation.approvals import UnknownRequestError
from daemon.dispatch.remediation.undo import UnknownActionError
from daemon.errors import ConfigError, VigildError
from daemon.rules import no_rules
from daemon.settings import Settings
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
    """Assemble the configured parts, present to the other processes that share the state, and do the work with them.

    Raises ConfigError where no daemon has kept state.

    Nothing is matched, so rules with a fault are told of and left out: they must not keep a person from placing a hold.
    """
    settings = settings_with_state(config)
    try:
        rules = rules_of(settings)
    except ConfigError as error:
        rules = no_rules()
        for problem in (*error.problems, "goes on without rules"):
            typer.echo(f"vigild: {problem}", err=True)

    async def run() -> T:
        clock = SystemClock()
        telemetry = build_telemetry(settings.telemetry.log_format, settings.telemetry.log_level, clock)
        async with assemble(settings, telemetry, clock, random.Random(), rules=rules) as parts:
            await parts.session.renew()
            try:
                return await _kept_alive(parts, work)
            finally:
                await parts.session.end()

    try:
        return run_async(run)
    except (UnknownActionError, UnknownRequestError) as error:
        raise VigildError(f"{error}; looked in {looked_in(settings, config)}") from error


def looked_in(settings: Settings, config: Path | None) -> str:
    """Return where a command has looked, for whoever finds nothing there."""
    return settings.state.where + ("" if config else ", the default without --config")


async def _kept_alive(parts: Parts, work: Callable[[Parts], Awaitable[T]]) -> T:
    """Do the work while others see that this process lives: it may hold locks for longer than a session's length."""
    failure: VigildError | OSError | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(parts.session.keep, parts.rng)
        try:
            answer = await work(parts)
        except (VigildError, OSError) as error:
            failure = error  # as itself, not in a group
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return answer


async def in_force(parts: Parts) -> str:
    """Return what is to be said of something that daemons look up: that, and where it lies."""
    where = parts.settings.state.where
    if await parts.session.is_alone():
        return f"is placed in {where}, but no daemon runs on that state now: it will be in force once one does"
    return f"is in force within two seconds for the daemons on {where}"


def person(by: str | None) -> str:
    """Return who does it."""
    return by or f"{getpass.getuser()}@{socket.gethostname()}"
