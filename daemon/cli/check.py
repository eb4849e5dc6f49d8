"""`vigild check`: would the daemon work?  Loads everything and reaches everything, consumes and sends nothing."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import typer

from daemon.assembly import assemble
from daemon.cli.options import ConfigOption, RulesOption
from daemon.cli.run import overrides
from daemon.cli.start import run_async
from daemon.clock import SystemClock
from daemon.errors import EffectError
from daemon.settings import Settings, load_settings
from daemon.telemetry import build_telemetry


def check(config: ConfigOption = None, rules: RulesOption = None) -> None:
    """Load configuration and rules, then reach the state store, every source and target; consume and send nothing.

    Exit code 1 when something cannot be reached, 2 when the configuration or a rule is wrong.
    """
    settings = load_settings(config, overrides([], rules or []))
    if not run_async(lambda: _check(settings)):
        raise typer.Exit(1)


async def _check(settings: Settings) -> bool:
    clock = SystemClock()
    telemetry = build_telemetry(settings.telemetry.log_format, settings.telemetry.log_level, clock)
    async with assemble(settings, telemetry, clock, random.Random()) as parts:
        _say(True, "rules", f"{len(parts.rules.rules)} in {parts.rules.files} file(s)")
        reached = [await _reach("state", parts.store.check)]
        reached += [await _reach(f"source {source.name}", source.check) for source in parts.sources]
        reached += [await _reach(f"target {name}", target.check) for name, target in parts.targets.items()]
    return all(reached)


async def _reach(part: str, look: Callable[[], Awaitable[str]]) -> bool:
    try:
        found = await look()
    except EffectError as error:
        _say(False, part, f"{error.kind}: {error.detail}")
        return False
    _say(True, part, found)
    return True


def _say(well: bool, part: str, text: str) -> None:  # noqa: FBT001 - one file's own
    typer.echo(f"{'ok  ' if well else 'FAIL'} {part}: {text}")
