"""EventBridge patterns over events, with 10 to 10,000 rules: speed, and what compiling takes.

Yardstick: `orjson.loads` over the same events, keeping nothing.  VIGILD_BENCH_WORKLOAD names a folder with another
workload to measure on (matcher_workload.py).  Both sides run turn by turn and what counts is the CPU time of this
process, so that the ratio holds on a busy machine.
"""

from __future__ import annotations

import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from daemon.match import Matcher
from tests.benchmarks.matcher_workload import Workload, from_folder, from_sample

_ROUNDS = 11


def main() -> None:
    """Measure on the sample, and on the folder named."""
    _measure(from_sample())
    named = os.environ.get("VIGILD_BENCH_WORKLOAD")
    if named:
        _measure(from_folder(Path(named)))


def _measure(workload: Workload) -> None:
    """Print the medians for each size."""
    events = workload.events
    print(f"{workload.name}: {len(events):,} events of {sum(map(len, events)) // len(events):,} bytes")
    for size, patterns in workload.rules.items():
        compile_seconds, compile_megabytes = _compiling(patterns)
        match = Matcher(patterns).match
        found = sum(len(match(event)) for event in events) / len(events)
        ratio, rate = _against_orjson(match, events)
        print(
            f"{size:7,} rules: {ratio:.2f} of orjson.loads, {rate:9,.0f} events/s, {found:.2f} matches an event; "
            f"compiled in {compile_seconds:.2f} s and {compile_megabytes:.0f} MB",
            flush=True,
        )


def _against_orjson(match: Callable[[bytes], Any], events: list[bytes]) -> tuple[float, float]:
    """Return the median ratio to the yardstick, and events a second."""
    ratios, rates = [], []
    _seconds(match, events)
    for _ in range(_ROUNDS):
        ours, theirs = _seconds(match, events), _seconds(orjson.loads, events)
        ratios.append(theirs / ours)
        rates.append(len(events) / ours)
    return statistics.median(ratios), statistics.median(rates)


def _seconds(call: Callable[[bytes], Any], events: list[bytes]) -> float:
    started = time.process_time()
    for event in events:
        call(event)
    return time.process_time() - started


def _compiling(patterns: dict[str, Any]) -> tuple[float, float]:
    """Return the CPU seconds that compiling takes, and the megabytes of memory it needs at its peak."""
    started = time.process_time()
    Matcher(patterns)
    seconds = time.process_time() - started
    tracemalloc.start()
    Matcher(patterns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak / 1e6


if __name__ == "__main__":
    main()
