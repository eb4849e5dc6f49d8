"""How fast many filter patterns run over CloudWatch Logs records, against parsing the same events with orjson.

    python tests/benchmarks/bench_log_filters.py FOLDER [FILTERS]

FOLDER (or VIGILD_BENCH_CLOUDTRAIL) holds CloudTrail's own .json.gz files.  Both sides run turn by turn in one process
and the ratio is that of their medians: what else the machine does falls on both.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import orjson
from isal import isal_zlib

from daemon.match.logs import FilterSet
from tests.benchmarks.log_filter_workload import filters, messages, packed

ROUNDS = 25
_GZIP_WINDOW = 31  # 15 bits of window, and 16 to ask for gzip's own header


class LogEvent(msgspec.Struct):
    """One log event of a record."""

    id: str
    timestamp: int
    message: str


class Record(msgspec.Struct):
    """What a subscription delivers, unpacked."""

    messageType: str
    logGroup: str
    logEvents: list[LogEvent]


def main(folder: Path, count: int) -> None:
    """Print events a second for each stage and the ratio of the whole way to orjson.loads."""
    texts = messages(folder)
    bodies = [text.encode() for text in texts]
    records = packed(texts)
    started = time.perf_counter()
    compiled = FilterSet(filters(count))
    build_seconds = time.perf_counter() - started
    decoder = msgspec.json.Decoder(Record)

    def parse_only() -> None:
        for body in bodies:
            orjson.loads(body)

    def unpack_only() -> None:
        for record in records:
            decoder.decode(isal_zlib.decompress(record, _GZIP_WINDOW))

    def match_only() -> None:
        for text in texts:
            compiled.match(text)

    def end_to_end() -> None:
        for record in records:
            events = decoder.decode(isal_zlib.decompress(record, _GZIP_WINDOW)).logEvents
            compiled.match_all([event.message for event in events])

    seconds = _medians([parse_only, unpack_only, match_only, end_to_end])
    hits = sum(len(compiled.match(text)) for text in texts)
    print(f"{len(texts)} events of {sum(map(len, texts)) / len(texts):.0f} characters, {count} filters")
    print(f"compiled in {build_seconds:.2f} s; {hits / len(texts):.2f} matches an event")
    for name, taken in seconds.items():
        print(f"{name:12} {len(texts) / taken:10,.0f} events/s {taken / len(texts) * 1e6:8.2f} µs/event")
    print(f"end to end : orjson.loads = {seconds['parse_only'] / seconds['end_to_end']:.3f}")


def _medians(sides: list[Callable[[], None]]) -> dict[str, float]:
    taken: dict[str, list[float]] = {side.__name__: [] for side in sides}
    for _ in range(ROUNDS):
        for side in sides:
            started = time.perf_counter()
            side()
            taken[side.__name__].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in taken.items()}


if __name__ == "__main__":
    arguments = sys.argv[1:] or [os.environ["VIGILD_BENCH_CLOUDTRAIL"]]
    main(Path(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1_000)
