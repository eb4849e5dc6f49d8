"""`vigild journal show | verify | export`: what was done to the estate, by whom and why."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from daemon.assembly import Parts
from daemon.cli.options import ConfigOption
from daemon.cli.remediation import with_parts
from daemon.clock import rfc3339
from daemon.journal import BrokenChainError, Entry

application = typer.Typer(name="journal", help="What was done to the estate, by whom and why.", no_args_is_help=True)


@application.command("show")
def show(
    intent: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only what is about this intent.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many entries, the newest last.")] = 50,
    config: ConfigOption = None,
) -> None:
    """Print the newest entries, or all that are about one intent."""

    async def work(parts: Parts) -> list[Entry]:
        found: list[Entry] = []
        async for entry in parts.remediation.context.journal.read():
            if intent is None or entry.intent == intent:
                found = [*found[-last + 1 :], entry] if last > 1 else [entry]
        return found

    for entry in with_parts(config, work):
        typer.echo(_line(entry))


@application.command("verify")
def verify(
    head: Annotated[
        str | None,
        typer.Option("--head", help="A hash that `verify` printed earlier: the chain must still go through it."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Check every link of the chain and print its length and newest hash: keep that elsewhere.

    Exit code 1 where the chain is broken, or no longer goes through the hash given.
    """

    async def work(parts: Parts) -> tuple[int, int, str, bool]:
        journal, entries = parts.remediation.context.journal, 0
        async for _ in journal.read():
            entries += 1
        blocks, newest = await journal.head()
        return entries, blocks, newest, head is None or await journal.goes_through(head)

    try:
        entries, blocks, newest, whole = with_parts(config, work)
    except BrokenChainError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{entries} entries in {blocks} blocks, every link holds; head {newest}")
    if not whole:
        typer.echo(f"journal: no block has the hash {head}: an end was cut off, or it is another journal", err=True)
        raise typer.Exit(1)


@application.command("export")
def export(config: ConfigOption = None) -> None:
    """Print all entries, oldest first, as one JSON object a line."""

    async def work(parts: Parts) -> None:
        async for entry in parts.remediation.context.journal.read():
            typer.echo(msgspec.json.encode(entry).decode())

    with_parts(config, work)


def _line(entry: Entry) -> str:
    what = " ".join(part for part in (entry.step, entry.reason, entry.kind, entry.summary or entry.detail) if part)
    return f"{rfc3339(entry.at)}  {entry.intent or '-':32}  {entry.rule or '-'}  {what}  by {entry.by}"
