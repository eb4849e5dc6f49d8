"""`vigild holds list | add | lift`: actions that are stopped for a time, and rules that the loop breaker suspended."""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec
import typer

from daemon.assembly import Parts
from daemon.cli.naming import AnywayOption, refuse_unknown
from daemon.cli.options import ConfigOption, JsonOption
from daemon.cli.remediation import ByOption, in_force, looked_in, person, with_parts
from daemon.clock import rfc3339
from daemon.dispatch.remediation.holds import Hold
from daemon.dispatch.remediation.telling import write_hold
from daemon.journal import Entry
from daemon.settings import Settings
from daemon.sinks.text import printable

_FIELDS = ("rule", "action", "account", "resource")

application = typer.Typer(
    name="holds", help="Stop actions for a time; alerts go on. `*` stands for any text.", no_args_is_help=True
)


@application.command("list")
def list_holds(as_json: JsonOption = False, config: ConfigOption = None) -> None:  # noqa: FBT002 - typer's option
    """Print the holds in force, those of the loop breaker among them."""

    async def work(parts: Parts) -> list[Hold]:
        return await parts.remediation.context.holds.in_force()

    for hold in with_parts(config, work):
        if as_json:
            typer.echo(msgspec.json.encode(hold))
            continue
        scope = f"rule {hold.rule}, action {hold.action}, account {hold.account}, resource {hold.resource}"
        line = f"{hold.id}  since {rfc3339(hold.since)}  {scope}  by {hold.by}: {hold.why}"
        typer.echo(printable(line))


@application.command("add")
def add(
    why: Annotated[str, typer.Option("--why", help="The reason, for the journal and for whoever looks.")],
    on: Annotated[
        list[str] | None,
        typer.Option("--on", help="rule=…, action=…, account=… or resource=…; several narrow it down. Without: all."),
    ] = None,
    hours: Annotated[float | None, typer.Option("--hours", min=0.01, help="Ends by itself then.")] = None,
    by: ByOption = None,
    anyway: AnywayOption = False,  # noqa: FBT002 - typer's option
    config: ConfigOption = None,
) -> None:
    """Refuse actions that match all that is given, from now on; every refusal is recorded."""
    scope = dict(_scope(text) for text in on or ())
    who = person(by)

    async def work(parts: Parts) -> str:
        if not anyway:
            refuse_unknown(scope.items(), {"rule": parts.rules.rules, "action": parts.settings.actions})
        context = parts.remediation.context
        now = context.clock.now()
        hold = Hold(id=secrets.token_hex(4), by=who, why=why, since=now, **scope)
        await context.holds.place(hold, now + hours * 3_600 if hours is not None else None)
        await write_hold(context, hold)
        return f"hold {hold.id} {await in_force(parts)}"

    typer.echo(with_parts(config, work))


def _scope(text: str) -> tuple[str, str]:
    field, separator, pattern = text.partition("=")
    if not separator or not pattern or field not in _FIELDS:
        raise typer.BadParameter(
            f"{text!r}: expected one of {', '.join(_FIELDS)}, then = and a name", param_hint="--on"
        )
    return field, pattern


@application.command("lift")
def lift(
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="Its id, see `vigild holds list`.")],
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """End a hold, or resume a rule that the loop breaker suspended.  Exit code 1 where there is none of this id."""
    who = person(by)

    async def work(parts: Parts) -> Settings | None:
        context = parts.remediation.context
        if not await context.holds.lift(hold):
            return parts.settings
        await context.journal.append(Entry(at=context.clock.now(), step="lifted", intent="", detail=hold, by=who))
        return None

    if (settings := with_parts(config, work)) is not None:
        typer.echo(f"vigild: no hold is called {hold!r} in {looked_in(settings, config)}", err=True)
        raise typer.Exit(1)
    typer.echo(f"hold {hold} is lifted")
