"""`vigild leases`: who reads which shard of a Kinesis stream, how far; and to begin anew elsewhere.

Works on the state store that the configuration names, whether daemons run or not: they notice at their next renewal.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from daemon.cli.loading import settings_with_state
from daemon.cli.options import ConfigOption, JsonOption
from daemon.cli.start import run_async
from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.errors import ConfigError
from daemon.settings import Settings
from daemon.sources.kinesis import KinesisConfig
from daemon.sources.kinesis.checkpoints import TRIM_HORIZON, At, Position
from daemon.sources.kinesis.lease_table import LeaseTable, streams_with_leases
from daemon.sources.kinesis.leases import Lease
from daemon.state import open_store
from daemon.state.base import StateStore

application = typer.Typer(help="Inspect and change who reads which shard of a Kinesis stream.", no_args_is_help=True)

StreamArgument = Annotated[
    str, typer.Argument(help="A source of the configuration, or NAMESPACE/STREAM as `leases list` shows them.")
]
ShardArgument = Annotated[str, typer.Argument(help="The shard's id.")]
_WIDEST = 1_000
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@application.command("list")
def list_leases(
    stream: Annotated[str | None, typer.Argument(help="Only this source, or NAMESPACE/STREAM.")] = None,
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the leases: owner, position, how far behind its end the shard was at the owner's last sign of life."""
    settings = settings_with_state(config)
    found = run_async(lambda: _list(settings, stream))
    if as_json:
        for entry in found:
            typer.echo(msgspec.json.encode(entry).decode())
    else:
        # As wide as it is: ids are there to be copied, and a pipe has no width.
        Console(width=_WIDEST).print(_table(found), crop=False, no_wrap=True)


@application.command("show")
def show(stream: StreamArgument, shard: ShardArgument, config: ConfigOption = None) -> None:
    """Print one lease, as JSON.  Exit code 1 where there is none."""
    settings = settings_with_state(config)
    for entry in run_async(lambda: _list(settings, stream)):
        if entry.shard == shard:
            typer.echo(msgspec.json.format(msgspec.json.encode(entry)).decode())
            return
    typer.echo(f"no lease for {shard}", err=True)
    raise typer.Exit(1)


@application.command("reset")
def reset(
    stream: StreamArgument,
    shard: Annotated[
        str | None, typer.Argument(help="Only this shard; else all of them, and those yet to come.")
    ] = None,
    *,
    to: Annotated[str, typer.Option(help="TRIM_HORIZON, LATEST (now), or a time: 2026-01-31T12:00:00Z.")],
    config: ConfigOption = None,
    yes: YesOption = False,
) -> None:
    """Read a stream, or one shard, from elsewhere.  Whoever reads it now stops, and starts anew there.

    Events that were handled before and come again are recognised, for as long as `dedupe.retention_seconds` says.
    """
    settings, position = settings_with_state(config), _position(to)
    what = f"shard {shard} of {stream}" if shard else f"all of {stream}"
    if not yes:
        typer.confirm(f"Read {what} from {position} on?", abort=True)
    changed = run_async(lambda: _change(settings, stream, shard, position))
    typer.echo(f"{len(changed)} lease(s) set to {position}")


@application.command("release")
def release(
    stream: StreamArgument, shard: ShardArgument, *, config: ConfigOption = None, yes: YesOption = False
) -> None:
    """Take a shard from its owner, where it is; whoever has fewest takes it next."""
    settings = settings_with_state(config)
    if not yes:
        typer.confirm(f"Take {shard} of {stream} from its owner?", abort=True)
    changed = run_async(lambda: _change(settings, stream, shard, None))
    typer.echo(f"{len(changed)} lease(s) released")


class _Entry(msgspec.Struct, frozen=True):
    namespace: str
    stream: str
    shard: str
    position: str
    owner: str
    wanted_by: str
    behind_ms: int | None
    renewed_at: float
    generation: int


async def _list(settings: Settings, stream: str | None) -> list[_Entry]:
    async with _store(settings) as store:
        streams = await streams_with_leases(store) if stream is None else [_named(settings, stream)]
        found: list[_Entry] = []
        for namespace, name in streams:
            table = LeaseTable(store, SystemClock(), namespace, name)
            found += [_entry(namespace, name, shard, seen.lease) async for shard, seen in table.all()]
            for shard in table.unreadable:
                typer.echo(f"{namespace}/{name} {shard}: not readable; `vigild leases reset` writes it anew", err=True)
        return found


async def _change(settings: Settings, stream: str, shard: str | None, position: Position | None) -> list[str]:
    """Set leases to a position, or (None) only take them from their owners."""
    async with _store(settings) as store:
        table = LeaseTable(store, SystemClock(), *_named(settings, stream))
        if shard is None and position is not None:
            await table.restart(position)
        shards = [shard] if shard else [name async for name, _ in table.all()] + list(table.unreadable)
        unreadable = None if position is None else Lease(position)
        return await table.change(shards, lambda lease: lease.reset(position or lease.position), unreadable)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[StateStore]:
    aws = AwsClients(settings.aws)
    store = await open_store(settings.state, aws, SystemClock(), random.Random())
    try:
        yield store
    finally:
        await store.close()
        await aws.close()


def _named(settings: Settings, stream: str) -> tuple[str, str]:
    """Return namespace and stream.  Raises ConfigError."""
    source = settings.sources.get(stream)
    if isinstance(source, KinesisConfig):
        return source.namespace or stream, source.stream
    namespace, slash, name = stream.partition("/")
    if not slash:
        known = [name for name, config in settings.sources.items() if isinstance(config, KinesisConfig)]
        raise ConfigError(f"no source of type kinesis is called {stream!r}; there are: {', '.join(known) or 'none'}")
    return namespace, name


def _position(text: str) -> Position:
    if text == At.TRIM_HORIZON:
        return TRIM_HORIZON
    if text == "LATEST":
        return Position(At.AT_TIMESTAMP, timestamp=SystemClock().now())
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} is not TRIM_HORIZON, LATEST or a time with its zone")
    return Position(At.AT_TIMESTAMP, timestamp=moment.timestamp())


def _entry(namespace: str, stream: str, shard: str, lease: Lease) -> _Entry:
    return _Entry(
        namespace,
        stream,
        shard,
        str(lease.position),
        lease.owner,
        lease.wanted_by,
        lease.behind_ms,
        lease.renewed_at,
        lease.generation,
    )


def _table(found: list[_Entry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stream", "shard", "position", "owner", "behind", "renewed"):
        table.add_column(column, justify="right" if column in ("behind", "renewed") else "left", no_wrap=True)
    now = SystemClock().now()
    for entry in found:
        table.add_row(
            f"{entry.namespace}/{entry.stream}",
            entry.shard,
            entry.position,
            entry.owner or "nobody",
            "" if entry.behind_ms is None else f"{entry.behind_ms / 1000:,.1f} s",
            f"{now - entry.renewed_at:,.0f} s ago" if entry.renewed_at else "",
        )
    return table
