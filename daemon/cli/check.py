"""`vigild check`: would the daemon work?  Loads everything and reaches everything, consumes and sends nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

import orjson
import typer

from daemon.actions.config import Mode
from daemon.address import check_binding
from daemon.assembly import assemble
from daemon.cli.options import ConfigOption, JsonOption, RulesOption
from daemon.cli.run import overrides
from daemon.cli.start import run_async
from daemon.clock import SystemClock
from daemon.errors import ConfigError, EffectError
from daemon.rules.lint import lint_rules
from daemon.settings import Settings, load_settings
from daemon.telemetry import build_telemetry

Look: TypeAlias = Callable[[], Awaitable[str]]


def check(
    config: ConfigOption = None,
    rules: RulesOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings about rules make the exit code 1.")] = False,  # noqa: FBT002
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Load configuration and rules, reach state, sources, targets, accounts, dead-letter places and addresses.

    Nothing is sent.

    Rules that cannot mean what they say are warned of.  Exit code 1 when something cannot be reached (with --strict,
    also for a warning), 2 when the configuration or a rule is wrong.
    """
    settings = load_settings(config, overrides([], rules or []))
    report = _Report(as_json)
    run_async(lambda: _reach_all(settings, report))
    _lint(settings, report)
    report.close()
    if report.failed or (strict and report.warnings):
        raise typer.Exit(1)


class _Report:
    """Prints what is found, for people or as a JSON object a line, and counts it."""

    def __init__(self, as_json: bool) -> None:  # noqa: FBT001 - one file's own
        self._as_json = as_json
        self.failed = 0
        self.warnings = 0
        self._parts = 0

    def part(self, part: str, text: str, *, well: bool = True) -> None:
        """Say how a part is."""
        self._parts += 1
        self.failed += not well
        self._print("ok" if well else "FAIL", part, text, f"{part}: {text}")

    def warning(self, text: str) -> None:
        """Say what is wrong about a rule."""
        self.warnings += 1
        self._print("warn", "rules", text, text)

    def note(self, text: str) -> None:
        """Say more about what was said last, to people."""
        if not self._as_json:
            typer.echo(f"     {text}")

    def close(self) -> None:
        """Say what it comes to, to people."""
        if not self._as_json:
            failed, parts = self.failed, self._parts
            typer.echo(f"{failed} of {parts} parts FAIL" if failed else f"all {parts} parts are well")

    def _print(self, status: str, part: str, text: str, line: str) -> None:
        if self._as_json:
            typer.echo(orjson.dumps({"status": status.lower(), "part": part, "text": text}))
        else:
            typer.echo(f"{status:<4} {line}")


def _lint(settings: Settings, report: _Report) -> None:
    """Say what is to say about the rules, and how to silence it."""
    found = lint_rules(settings.rules)
    for warning in found.warnings:
        report.warning(warning.text)
    if found.warnings:
        report.note("`lint_ignore: {its-code: why}` in the rule silences it; docs/warnings.md has the codes")
    if found.gave_up_at:
        report.note(f"too many rules alike: from {found.gave_up_at!r} on, none was compared with all others")
    ignored = f", {found.ignored} more ignored with a reason" if found.ignored else ""
    report.part("lint", f"{len(found.warnings)} warning(s){ignored}")


async def _reach_all(settings: Settings, report: _Report) -> None:
    clock = SystemClock()
    telemetry = build_telemetry(settings.telemetry.log_format, settings.telemetry.log_level, clock)
    async with assemble(settings, telemetry, clock, random.Random()) as parts:
        report.part("rules", f"{len(parts.rules.rules)} in {parts.rules.files} file(s)")
        if settings.actions:
            report.part("actions", _modes(settings))
        looks: dict[str, Look] = {"state": parts.store.check}
        looks |= {f"source {source.name}": source.check for source in parts.sources}
        looks |= {f"target {name}": target.check for name, target in parts.targets.items()}
        looks |= {f"dead letters {name}": place.check for name, place in parts.places.items()}
        if settings.actions:
            looks["estate"] = parts.remediation.estate.check
        looks["telemetry.listen"] = lambda: check_binding(settings.telemetry.listen)
        if settings.approvals.has_links:
            looks["approvals"] = parts.remediation.context.approvals.check
            looks["approvals.listen"] = lambda: check_binding(settings.approvals.listen)
        for part, look in looks.items():
            await _reach(part, look, report)


def _modes(settings: Settings) -> str:
    """Return how much of what rules may do is done, asked for, or only said."""
    modes = Counter(str(action.mode) for action in settings.actions.values())
    alone = sorted(name for name, action in settings.actions.items() if action.mode is Mode.AUTO)
    counted = ", ".join(f"{count} in {mode}" for mode, count in sorted(modes.items()))
    return counted + (f"; acting by themselves: {', '.join(alone)}" if alone else "")


async def _reach(part: str, look: Look, report: _Report) -> None:
    try:
        report.part(part, await look())
    except EffectError as error:
        report.part(part, f"{error.kind}: {error.detail}", well=False)
    except ConfigError as error:
        # What only shows once it is used, as a region that nobody names; the other parts are looked at all the same.
        report.part(part, "; ".join(error.problems), well=False)
