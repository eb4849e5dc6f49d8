"""Files to matches, end to end: the whole daemon but for its targets, from opening the source to its end.

In the measured path: finding, opening and unpacking files, positions read and written in a state store on disk, decode,
dedupe, match with the starter pack, the ledger, the metrics.  Nothing is sent.  Yardstick, in the same process and in
turns with it: `orjson.loads` over the same events, one after the other, nothing kept.  The ratio is one of CPU times,
all threads counted, so that what else the machine does weighs little.

VIGILD_BENCH_EVENTS names a folder of events to measure on beside the project's own sample; a small one is read several
times over under other names, with a window too small to know the repeats, so that every event is worked on.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import anyio
import orjson

from daemon.assembly import assemble
from daemon.clock import SystemClock
from daemon.sample import SamplePlan, write_day
from daemon.settings import load_settings
from daemon.telemetry import build_telemetry
from daemon.telemetry.log import LogFormat, LogLevel
from tests.benchmarks.events import events_in

_ROUNDS = 9
_EVENTS = 200_000
_LEAST_EVENTS = 50_000


class _Run(NamedTuple):
    """What an event took, of the clock and of all threads together."""

    seconds: float
    cpu_seconds: float


def main() -> None:
    """Measure on the sample, and on the folder named."""
    with tempfile.TemporaryDirectory() as folder:
        write_day(Path(folder), SamplePlan(events=_EVENTS, seed=7))
        measure("sample", Path(folder))
    named = os.environ.get("VIGILD_BENCH_EVENTS")
    if named:
        with tempfile.TemporaryDirectory() as folder:
            _multiply(Path(named), Path(folder))
            measure(named, Path(folder))


def measure(name: str, folder: Path) -> None:
    """Print the medians of interleaved rounds."""
    events = events_in(folder)
    rates, ratios = [], []
    for _ in range(_ROUNDS):
        run = anyio.run(_run, folder, backend_options={"use_uvloop": True})
        started = time.process_time()
        for event in events:
            orjson.loads(event)
        yardstick = (time.process_time() - started) / len(events)
        rates.append(1 / run.seconds)
        ratios.append(yardstick / run.cpu_seconds)
    rate, ratio = statistics.median(rates), statistics.median(ratios)
    print(f"{name}: {len(events):,} events, {rate:,.0f} events/s, {ratio:.2f} of orjson.loads")


def _multiply(original: Path, folder: Path) -> None:
    """Copy the folder's files as often as it takes to make a run long enough to measure."""
    files = sorted(original.rglob("*.json.gz"))
    for copy in range(_LEAST_EVENTS // max(len(events_in(original)), 1) + 1):
        for number, path in enumerate(files):
            (folder / f"{copy}-{number}.json.gz").write_bytes(path.read_bytes())


async def _run(folder: Path) -> _Run:
    """Run over a folder; loading rules and opening the state store is not in the time."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(
            None,
            {
                "sources": {"files": {"type": "file", "paths": [str(folder)]}},
                "default_targets": [],
                "dedupe": {"window_events": 1_000},
                "state": {"path": str(Path(scratch, "state.sqlite"))},
                "dead_letters": {"default": {"type": "file", "path": str(Path(scratch, "dead.ndjson"))}},
            },
        )
        clock = SystemClock()
        telemetry = build_telemetry(LogFormat.JSON, LogLevel.ERROR, clock)
        async with assemble(settings, telemetry, clock, random.Random(7)) as parts:
            await parts.session.renew()
            started, cpu_started = time.perf_counter(), time.process_time()
            await parts.pipeline.run()
            cpu_spent, spent = time.process_time() - cpu_started, time.perf_counter() - started
        events = sum(value for _, value in telemetry.metrics.values("events_received_total"))
        return _Run(spent / events, cpu_spent / events)


if __name__ == "__main__":
    main()
