"""CloudTrail events out of CloudWatch Logs records, from the bytes of GetRecords to settled, starter pack of rules.

Nothing is sent.  The stream is canned_stream.py, a process of its own.  Figures are events per second of our CPU time,
all threads counted, and the ratio to `orjson.loads` over the same events in the same process.
VIGILD_BENCH_EVENTS names a folder of CloudTrail files to measure on beside the project's own sample.
"""

from __future__ import annotations

import gzip
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import anyio
import orjson

from daemon.assembly import assemble
from daemon.clock import SystemClock
from daemon.sample import SamplePlan, write_day
from daemon.settings import load_settings
from daemon.telemetry import build_telemetry
from daemon.telemetry.log import LogFormat, LogLevel
from tests.benchmarks.canned_stream import Shape, canned_stream
from tests.benchmarks.events import events_in

_ROUNDS = 5
_RECEIVERS = (1, 2, 4)
_EVENTS = 20_000
_RECORD_EVENTS = 50
"""CloudWatch Logs puts some dozens into a record."""
_SHAPE = Shape(shards=64, pages=4, page_records=20)
"""64 shards, so that their 5 reads a second each are never what we wait for."""


def main() -> None:
    """Measure on the sample, and on the folder named."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    with tempfile.TemporaryDirectory() as folder:
        write_day(Path(folder), SamplePlan(events=_EVENTS, seed=7))
        measure("sample", Path(folder))
    named = os.environ.get("VIGILD_BENCH_EVENTS")
    if named:
        measure(named, Path(named))


def measure(name: str, folder: Path) -> None:
    """Print the medians of interleaved rounds."""
    events = _trail_records(folder)
    records = [_logs_record(events[start : start + _RECORD_EVENTS]) for start in range(0, len(events), _RECORD_EVENTS)]
    ours, yardstick = [], []
    rates: dict[int, list[float]] = {receivers: [] for receivers in _RECEIVERS}
    with canned_stream(records, _SHAPE) as url:
        for number in range(_ROUNDS * len(_RECEIVERS)):
            receivers = _RECEIVERS[number % len(_RECEIVERS)]
            cost, rate = anyio.run(_run, url, receivers, backend_options={"use_uvloop": True})
            ours.append(cost)
            rates[receivers].append(rate)
            started = time.process_time()
            for event in events:
                orjson.loads(event)
            yardstick.append((time.process_time() - started) / len(events))
    ratio = statistics.median(theirs / mine for theirs, mine in zip(yardstick, ours, strict=True))
    print(
        f"{name}: {len(events):,} distinct events of {sum(map(len, events)) / len(events):,.0f} bytes,"
        f" {1 / statistics.median(ours):,.0f} events/s of CPU, {ratio:.2f} of orjson.loads"
    )
    for receivers, measured in rates.items():
        print(f"  receivers: {receivers}: {statistics.median(measured):,.0f} events/s by the clock")


def _trail_records(folder: Path) -> list[bytes]:
    """Return the records of all CloudTrail files in a folder's tree, as CloudTrail wrote them."""
    return [orjson.dumps(orjson.loads(event)["detail"]) for event in events_in(folder)]


def _logs_record(events: Sequence[bytes]) -> bytes:
    """Return a CloudWatch Logs subscription record as Kinesis has it."""
    lines = [
        {"id": f"{number:056}", "timestamp": 1_790_000_000_000, "message": event.decode()}
        for number, event in enumerate(events)
    ]
    record = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "CloudTrail/logs",
        "logStream": "111122223333_CloudTrail_us-east-1",
        "subscriptionFilters": ["all"],
        "logEvents": lines,
    }
    return gzip.compress(orjson.dumps(record), 6)


async def _run(url: str, receivers: int) -> tuple[float, float]:
    """Return the CPU seconds that an event took, from opening the source until everything is settled, and events/s."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(
            None,
            {
                "aws": {"region": "us-east-1", "endpoint_url": url},
                "sources": {
                    "logs": {"type": "kinesis", "stream_name": "logs", "start": "TRIM_HORIZON", "receivers": receivers}
                },
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
            settled = 0.0
            async with anyio.create_task_group() as tasks:
                started, began = time.process_time(), time.perf_counter()
                tasks.start_soon(parts.pipeline.run)
                while settled < _SHAPE.records:
                    await anyio.sleep(0.05)
                    settled = sum(value for _, value in telemetry.metrics.values("deliveries_settled_total"))
                spent, took = time.process_time() - started, time.perf_counter() - began
                parts.pipeline.stop(0.0, 1.0)
        events = sum(value for _, value in telemetry.metrics.values("events_received_total"))
        return spent / events, events / took


if __name__ == "__main__":
    main()
