"""`vigild check`: would the daemon work?  Loads everything and reaches everything, consumes and sends nothing."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from daemon.address import check_binding
from daemon.assembly import assemble
from daemon.cli.options import ConfigOption, RulesOption
from daemon.cli.run import overrides
from daemon.cli.start import run_async
from daemon.clock import SystemClock
from daemon.errors import EffectError
from daemon.rules.lint import lint_rules
from daemon.settings import Settings, load_settings
from daemon.telemetry import build_telemetry


def check(
    config: ConfigOption = None,
    rules: RulesOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings about rules make the exit code 1.")] = False,  # noqa: FBT002
) -> None:
    """Load configuration and rules, reach state, sources, targets, accounts, dead-letter places and addresses.

    Nothing is sent.

    Rules that cannot mean what they say are warned of.  Exit code 1 when something cannot be reached (with --strict,
    also for a warning), 2 when the configuration or a rule is wrong.
    """
    settings = load_settings(config, overrides([], rules or []))
    is_well = run_async(lambda: _check(settings))
    warnings = _lint(settings)
    if not is_well or (strict and warnings):
        raise typer.Exit(1)


def _lint(settings: Settings) -> int:
    """Print what is to say about the rules, and how to silence it; return how many warnings there are."""
    report = lint_rules(settings.rules)
    for warning in report.warnings:
        typer.echo(f"warn {warning.text}")
    if report.warnings:
        typer.echo("     `lint_ignore: {its-code: why}` in the rule silences it; docs/warnings.md has the codes")
    if report.gave_up_at:
        typer.echo(f"     too many rules alike: from {report.gave_up_at!r} on, none was compared with all others")
    ignored = f", {report.ignored} more ignored with a reason" if report.ignored else ""
    _say(True, "lint", f"{len(report.warnings)} warning(s){ignored}")
    return len(report.warnings)


async def _check(settings: Settings) -> bool:
    clock = SystemClock()
    telemetry = build_telemetry(settings.telemetry.log_format, settings.telemetry.log_level, clock)
    async with assemble(settings, telemetry, clock, random.Random()) as parts:
        _say(True, "rules", f"{len(parts.rules.rules)} in {parts.rules.files} file(s)")
        reached = [await _reach("state", parts.store.check)]
        reached += [await _reach(f"source {source.name}", source.check) for source in parts.sources]
        reached += [await _reach(f"target {name}", target.check) for name, target in parts.targets.items()]
        reached += [await _reach(f"dead letters {name}", place.check) for name, place in parts.places.items()]
        if settings.actions:
            reached.append(await _reach("estate", parts.remediation.estate.check))
        listening = settings.telemetry.listen
        reached.append(await _reach("telemetry.listen", lambda: check_binding(listening)))
        if settings.approvals.has_links:
            reached.append(await _reach("approvals", parts.remediation.context.approvals.check))
            reached.append(await _reach("approvals.listen", lambda: check_binding(settings.approvals.listen)))
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
