"""Files to matches, end to end: read, gunzip, decode, dedupe, match with the starter pack; positions saved.

Nothing is sent.  Yardstick: `orjson.loads` over the same events, one after the other, in the same process.
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

import anyio
import orjson

from daemon.assembly import assemble
from daemon.clock import SystemClock
from daemon.sample import SamplePlan, write_day
from daemon.settings import load_settings
from daemon.telemetry import build_telemetry
from daemon.telemetry.log import LogFormat, LogLevel
from tests.benchmarks.events import events_in

_ROUNDS = 5
_EVENTS = 200_000
_LEAST_EVENTS = 50_000


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
    ours, yardstick = [], []
    for _ in range(_ROUNDS):
        ours.append(anyio.run(_run, folder, backend_options={"use_uvloop": True}))
        started = time.perf_counter()
        for event in events:
            orjson.loads(event)
        yardstick.append((time.perf_counter() - started) / len(events))
    ratio = statistics.median(theirs / mine for theirs, mine in zip(yardstick, ours, strict=True))
    rate = 1 / statistics.median(ours)
    print(f"{name}: {len(events):,} events, {rate:,.0f} events/s, {ratio:.2f} of orjson.loads")


def _multiply(original: Path, folder: Path) -> None:
    """Copy the folder's files as often as it takes to make a run long enough to measure."""
    files = sorted(original.rglob("*.json.gz"))
    for copy in range(_LEAST_EVENTS // max(len(events_in(original)), 1) + 1):
        for number, path in enumerate(files):
            (folder / f"{copy}-{number}.json.gz").write_bytes(path.read_bytes())


async def _run(folder: Path) -> float:
    """Return the seconds an event took, from opening the source to its end; loading rules and state is not in it."""
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
            started = time.perf_counter()
            await parts.pipeline.run()
            spent = time.perf_counter() - started
        return spent / sum(value for _, value in telemetry.metrics.values("events_received_total"))


if __name__ == "__main__":
    main()
