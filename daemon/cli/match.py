"""`vigild match`: which rules match these events?  Decodes and matches as the daemon would, and does nothing else."""

from __future__ import annotations

import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import orjson
import typer

from daemon import sources
from daemon.cli.loading import load
from daemon.cli.options import ConfigOption, JsonOption, RulesOption
from daemon.cli.report import ProgressBar
from daemon.cli.start import run_async
from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.decode import Decoder
from daemon.errors import DecodeError
from daemon.event import Delivery, Event, Rejection
from daemon.rules import RuleSet
from daemon.settings import Settings
from daemon.sources.base import EndOfSource, SourceContext
from daemon.sources.file import FileConfig
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry import build_telemetry
from daemon.telemetry.log import LogLevel
from daemon.telemetry.names import Settlement


def match(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files or folders of events; without them, standard input.")
    ] = None,
    config: ConfigOption = None,
    rules: RulesOption = None,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Print each event that a rule matches, with the rules; nothing is sent or remembered.

    Exit code 0 when something matched, 1 when nothing did, 2 when the rules are wrong or an event cannot be read.
    """
    settings, rule_set = load(config, rules)
    matched, unreadable = run_async(lambda: _match(settings, rule_set, paths or ["-"], as_json))
    if unreadable:
        typer.echo(f"vigild: {unreadable} event(s) could not be read", err=True)
        raise typer.Exit(2)
    raise typer.Exit(0 if matched else 1)


async def _match(settings: Settings, rules: RuleSet, paths: list[str], as_json: bool) -> tuple[int, int]:  # noqa: FBT001
    """Print what matches; return how many events matched and how many could not be read."""
    decoder, matched, unreadable = Decoder(settings.limits), 0, 0
    async for delivery in _deliveries(settings, paths):
        for item in decoder.decode(delivery):
            if isinstance(item, Rejection):
                typer.echo(f"vigild: {item.identity}: {item.reason}: {item.detail}", err=True)
                unreadable += 1
                continue
            try:
                names = rules.find(item)
            except DecodeError as error:
                typer.echo(f"vigild: {item.identity}: {error}", err=True)
                unreadable += 1
                continue
            if names:
                matched += 1
                typer.echo(_line(item, names, as_json))
    return matched, unreadable


async def _deliveries(settings: Settings, paths: list[str]) -> AsyncIterator[Delivery]:
    """Read files as the daemon does, but with positions that are thrown away."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder, ProgressBar() as bar:
        store = await SqliteStore.open(SqliteConfig(path=Path(folder, "state.sqlite")), clock)
        telemetry = build_telemetry(settings.telemetry.log_format, LogLevel.WARNING, clock)
        context = SourceContext(telemetry, clock, random.Random(), AwsClients(settings.aws), store)
        source = sources.build("files", FileConfig(type="file", paths=paths), context)
        await source.open()
        try:
            while True:
                batch = await source.receive()
                for delivery in batch:
                    yield delivery
                await source.settle(batch, Settlement.ACKNOWLEDGED)
                bar.watch([source])
        except EndOfSource:
            pass
        finally:
            await source.close()
            await store.close()


def _line(event: Event, names: list[str], as_json: bool) -> str:  # noqa: FBT001
    if as_json:
        return orjson.dumps({"identity": event.identity, "time": event.time, "rules": names}).decode()
    return f"{event.time}  {event.identity}  {' '.join(names)}"
