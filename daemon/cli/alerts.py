"""`vigild alerts list | show`: the groups of alerts that are open, what was told of them, and what is told next.

Works on the state store that the configuration names, whether daemons run or not.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.assembly import Parts
from daemon.cli.options import ConfigOption, JsonOption
from daemon.cli.remediation import with_parts
from daemon.clock import SystemClock
from daemon.dispatch.alerts.standing import Stage, Standing, standing_of
from daemon.sinks.grouping import GroupConfig
from daemon.sinks.text import printable
from daemon.telemetry.names import NoteState

_WIDEST = 1_000
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))

application = typer.Typer(
    name="alerts",
    help="See which groups of alerts are open, held back ones among them, and what is told of them next.",
    no_args_is_help=True,
)


@application.command("list")
def list_alerts(
    target: Annotated[str | None, typer.Argument(help="Only those of this target.")] = None,
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the open groups, the one with the latest alert first."""
    found = [each for each in with_parts(config, _standings) if target in (None, each.target)]
    if as_json:
        for each in found:
            typer.echo(msgspec.json.encode(each).decode())
    else:
        # As wide as it is: ids are there to be copied, and a pipe has no width.
        Console(width=_WIDEST).print(_table(found), crop=False, no_wrap=True)


@application.command("show")
def show(
    group: Annotated[str, typer.Argument(metavar="GROUP", help="Its id, or how it begins; notes hold it, too.")],
    config: ConfigOption = None,
) -> None:
    """Print a group as JSON, with examples of its alerts.  Exit code 1 where none is open by this id."""
    found = [each for each in with_parts(config, _standings) if each.id.startswith(group)]
    if not found:
        typer.echo(f"vigild: no group of alerts is open by the id {group!r}", err=True)
        raise typer.Exit(1)
    for each in found:
        typer.echo(msgspec.json.format(msgspec.json.encode(each)).decode())


async def _standings(parts: Parts) -> list[Standing]:
    now = parts.clock.now()
    # In this order, as the keeper: a silence that holds back what is found was placed before.
    await parts.groups.look()
    in_force = {silence.id for silence in await parts.silences.in_force()}
    found = []
    for kept in parts.groups.all_known():
        key, target = kept.group.key, parts.targets.get(kept.group.key.target)
        config = (target.group or GroupConfig()) if target else None
        is_lifted = key.state is NoteState.SILENCE and key.held_by not in in_force
        found.append(standing_of(kept.group, config, is_lifted=is_lifted, now=now))
    return sorted(found, key=lambda each: -each.last_alert_at)


def _table(found: list[Standing]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("group", "target", "severity", "stage", "alerts", "untold", "last alert", "told", "next", "what"):
        table.add_column(column, justify="right" if column in ("alerts", "untold") else "left", no_wrap=True)
    now = SystemClock().now()
    for each in found:
        cells = (
            each.id,
            each.target,
            each.severity.value,
            each.stage.value,
            f"{each.alerts:,}",
            f"{each.untold:,}",
            _ago(now - each.last_alert_at),
            "" if each.told_at is None else _ago(now - each.told_at),
            _next(each, now),
            _what(each),
        )
        # As text: what an event says is no markup.
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _what(each: Standing) -> str:
    held = f"held back by {each.stage} {each.held_by} ({each.why}): " if each.held_by else ""
    by = ", ".join(f"{name} {value}" for name, value in each.by.items() if name != "rule")
    return f"{held}{each.rule}{f' ({by})' if by else ''}: {each.description}"


def _next(each: Standing, now: float) -> str:
    if each.next_at is None:
        return "when its target is configured"
    if each.stage is Stage.SENDING:
        return f"{each.next_note} note is on its way"
    said = "ends" if each.next_note is None else f"{each.next_note} note"
    return f"{said} {'now' if each.next_at <= now else f'in {_span(each.next_at - now)}'}"


def _ago(seconds: float) -> str:
    return f"{_span(max(seconds, 0.0))} ago"


def _span(seconds: float) -> str:
    for length, unit in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} s"
