"""`vigild silences list | add | expire`: alerts that are held back for a time; actions go on."""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec
import typer

from daemon.assembly import Parts
from daemon.cli.naming import AnywayOption, refuse_unknown
from daemon.cli.options import ConfigOption, JsonOption
from daemon.cli.remediation import ByOption, in_force, person, with_parts
from daemon.clock import rfc3339
from daemon.dispatch.alerts.scope import FIELDS, Scope
from daemon.dispatch.alerts.silences import LONGEST_SECONDS, Silence
from daemon.dispatch.self_alerts import SUSPENDED_RULE
from daemon.journal import Entry
from daemon.json_path import JsonPath
from daemon.sinks.text import printable

_HOUR_SECONDS = 3_600.0

application = typer.Typer(
    name="silences",
    help="Hold alerts back for a time; what they hold back is told when they end. `*` stands for any text.",
    no_args_is_help=True,
)


@application.command("list")
def list_silences(as_json: JsonOption = False, config: ConfigOption = None) -> None:  # noqa: FBT002 - typer's option
    """Print the silences in force."""

    async def work(parts: Parts) -> list[Silence]:
        return await parts.silences.in_force()

    for silence in with_parts(config, work):
        if as_json:
            typer.echo(msgspec.json.encode(silence))
            continue
        until = f"{rfc3339(silence.since)} until {rfc3339(silence.until)}"
        line = f"{silence.id}  {until}  {silence.scope.described()}  by {silence.by}: {silence.why}"
        typer.echo(printable(line))


@application.command("add")
def add(
    why: Annotated[str, typer.Option("--why", help="The reason, for the journal and for whoever looks.")],
    hours: Annotated[
        float, typer.Option("--hours", min=0.001, max=LONGEST_SECONDS / _HOUR_SECONDS, help="Ends by itself then.")
    ],
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            help="rule=…, target=…, account=…, region=…, resource=…, or a path into the event, $.detail.user=…;"
            " several of one kind mean any of them, several kinds narrow it down. Without: all.",
        ),
    ] = None,
    by: ByOption = None,
    anyway: AnywayOption = False,  # noqa: FBT002 - typer's option
    config: ConfigOption = None,
) -> None:
    """Record alerts instead of sending them, from now on; each target is told of them as one when it ends."""
    scope, who = _scope(on or []), person(by)

    async def work(parts: Parts) -> str:
        if not anyway:
            named = [(field, pattern) for field in FIELDS for pattern in getattr(scope, field)]
            refuse_unknown(named, {"rule": [*parts.rules.rules, SUSPENDED_RULE], "target": parts.targets})
        now = parts.clock.now()
        silence = Silence(
            id=secrets.token_hex(4), scope=scope, by=who, why=why, since=now, until=now + hours * _HOUR_SECONDS
        )
        await parts.silences.place(silence)
        await _journal(parts, silence, "silenced", who)
        return f"silence {silence.id} {await in_force(parts)}"

    typer.echo(with_parts(config, work))


@application.command("expire")
def expire(
    silence: Annotated[str, typer.Argument(metavar="SILENCE", help="Its id, see `vigild silences list`.")],
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """End a silence before its time.  Exit code 1 where none of this id is in force."""
    who = person(by)

    async def work(parts: Parts) -> bool:
        ended = await parts.silences.expire(silence)
        if ended is not None:
            await _journal(parts, ended, "expired", who)
        return ended is not None

    if not with_parts(config, work):
        typer.echo(f"vigild: no silence is called {silence!r}", err=True)
        raise typer.Exit(1)
    typer.echo(f"silence {silence} is over")


async def _journal(parts: Parts, silence: Silence, step: str, by: str) -> None:
    entry = Entry(
        at=parts.clock.now(),
        step=step,
        intent="",
        detail=f"silence {silence.id} until {rfc3339(silence.until)}: {silence.why}",
        summary=silence.scope.described(),
        by=by,
    )
    await parts.remediation.context.journal.append(entry)


def _scope(texts: list[str]) -> Scope:
    found: dict[str, list[str]] = {}
    event: dict[str, str] = {}
    for text in texts:
        field, separator, pattern = text.partition("=")
        if separator and pattern and field in FIELDS:
            found.setdefault(field, []).append(pattern)
        elif separator and pattern and _is_path(field):
            event[field] = pattern
        else:
            expected = f"expected one of {', '.join(FIELDS)} or a path such as $.detail.user, then = and a text"
            raise typer.BadParameter(f"{text!r}: {expected}", param_hint="--on")
    return Scope(**{field: tuple(patterns) for field, patterns in found.items()}, event=event)


def _is_path(text: str) -> bool:
    try:
        JsonPath(text)
    except ValueError:
        return False
    return True
