"""`vigild journal show | verify | export`: what was done to the estate, by whom and why."""

from __future__ import annotations

from collections import deque
from typing import Annotated

import msgspec
import typer

from daemon.assembly import Parts
from daemon.cli.options import ConfigOption
from daemon.cli.remediation import with_parts
from daemon.clock import rfc3339
from daemon.journal import BrokenChainError, Entry
from daemon.sinks.text import printable

application = typer.Typer(name="journal", help="What was done to the estate, by whom and why.", no_args_is_help=True)


@application.command("show")
def show(
    intent: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only what is about this intent.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many entries, the newest last.")] = 50,
    config: ConfigOption = None,
) -> None:
    """Print the newest entries, or all that are about one intent.

    A broken chain is shown with its faults, each where it is; then the exit code is 1.
    """

    async def work(parts: Parts) -> tuple[list[str], bool]:
        lines: deque[str] = deque(maxlen=last)
        broken = False
        async for found in parts.remediation.context.journal.read_past_faults():
            if isinstance(found, BrokenChainError):
                broken = True
                lines.append(f"!! {found.detail}")
            elif intent is None or found.intent == intent:
                lines.append(_line(found))
        return list(lines), broken

    lines, broken = with_parts(config, work)
    for line in lines:
        typer.echo(line)
    if broken:
        typer.echo("vigild: the journal's chain is broken; `vigild journal verify` says where first", err=True)
        raise typer.Exit(1)


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
    """Print all entries, oldest first, as one JSON object a line.

    The faults of a broken chain go to standard error, and the exit code is 1; what can be read is printed all the same.
    """

    async def work(parts: Parts) -> bool:
        whole = True
        async for found in parts.remediation.context.journal.read_past_faults():
            if isinstance(found, BrokenChainError):
                whole = False
                typer.echo(f"vigild: {found.detail}", err=True)
            else:
                typer.echo(msgspec.json.encode(found).decode())
        return whole

    if not with_parts(config, work):
        raise typer.Exit(1)


def _line(entry: Entry) -> str:
    what = " ".join(part for part in (entry.step, entry.reason, entry.kind, entry.summary or entry.detail) if part)
    return printable(f"{rfc3339(entry.at)}  {entry.intent or '-':32}  {entry.rule or '-'}  {what}  by {entry.by}")
