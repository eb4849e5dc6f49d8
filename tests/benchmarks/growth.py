"""Shows that time for each byte does not grow: the same kind of input at doubling sizes, in CPU time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

Work: TypeAlias = Callable[[], object]
Case: TypeAlias = Callable[[int], tuple[int, Work]]
"""From a size in items to the bytes of that input, and to what is to be timed on it."""

_LEAST_SECONDS = 0.02
_ROUNDS = 5
_NOTEWORTHY = 1.5


def show(cases: Mapping[str, tuple[Case, tuple[int, ...]]]) -> None:
    """Print for each case the nanoseconds a byte at each size, and how often the last takes the first's time."""
    for name, (case, sizes) in cases.items():
        made = [case(size) for size in sizes]
        costs = _costs(made)
        growth = costs[-1] / costs[0]
        figures = " ".join(f"{cost:9.2f}" for cost in costs)
        remark = " grows" if growth > _NOTEWORTHY else ""
        print(f"{name:48} {made[-1][0]:>11,} bytes  ns/byte {figures}  x{growth:.2f}{remark}", flush=True)


def _costs(made: list[tuple[int, Work]]) -> list[float]:
    """Return the nanoseconds a byte of each size, medians of rounds that take turns."""
    repeats = [max(int(_LEAST_SECONDS / (_seconds(work, 1) + 1e-9)), 1) for _, work in made]
    rounds = [[_seconds(work, times) for (_, work), times in zip(made, repeats, strict=True)] for _ in range(_ROUNDS)]
    return [
        statistics.median(each) / size * 1e9 for each, (size, _) in zip(zip(*rounds, strict=True), made, strict=True)
    ]


def _seconds(work: Work, times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) / times
