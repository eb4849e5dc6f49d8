"""Hourly counts, shared by processes."""

from __future__ import annotations

import anyio
import pytest

from daemon.dispatch.remediation.aside import Aside
from daemon.dispatch.remediation.counts import HOUR, HourlyCounts, Taken
from daemon.state.base import Write
from daemon.state.sqlite import SqliteStore
from daemon.telemetry import build_telemetry
from tests.clocks import HandWound

pytestmark = pytest.mark.anyio


def counts_of(store: SqliteStore, clock: HandWound) -> HourlyCounts:
    """Return the counters as another process would have them."""
    return HourlyCounts(store, clock, Aside(store, build_telemetry(), clock))


async def took(counts: HourlyCounts, **limits: int) -> str | bool:
    """Count one on each; return the name of the one that is full, or True."""
    taken = await counts.take(limits)
    return taken if isinstance(taken, str) else True


async def test_a_counter_is_used_up_and_begins_anew(store: SqliteStore, clock: HandWound) -> None:
    """At its limit it says no by name; the next hour it counts again."""
    counts = counts_of(store, clock)

    assert [await took(counts, a=2, b=9) for _ in range(3)] == [True, True, "a"]
    clock.time += HOUR
    assert await took(counts, a=2, b=9) is True


async def test_nothing_is_counted_where_one_says_no(store: SqliteStore, clock: HandWound) -> None:
    """A refusal takes nothing off the other counters."""
    counts = counts_of(store, clock)
    await counts.take({"full": 1})

    for _ in range(5):
        assert await counts_of(store, clock).take({"free": 2, "full": 1}) == "full"
    assert [await took(counts, free=2) for _ in range(3)] == [True, True, "free"]


async def test_what_is_given_back_can_be_taken(store: SqliteStore, clock: HandWound) -> None:
    """An action that was not needed costs nothing."""
    counts = counts_of(store, clock)
    taken = await counts.take({"a": 3}, 3)
    assert isinstance(taken, Taken)
    assert await took(counts, a=3) == "a"
    await counts.give_back(taken)

    assert [await took(counts_of(store, clock), a=3) for _ in range(4)] == [True, True, True, "a"]


async def test_what_is_given_back_late_is_not_taken_off_another_hour(store: SqliteStore, clock: HandWound) -> None:
    """An action that turns out not to be needed once the hour has turned leaves the new hour's count alone."""
    counts = counts_of(store, clock)
    taken = await counts.take({"a": 1})
    assert isinstance(taken, Taken)
    clock.time += HOUR
    await counts.take({"a": 1})
    await counts.give_back(taken)

    assert await took(counts_of(store, clock), a=1) == "a"


async def test_several_are_counted_together_or_not_at_all(store: SqliteStore, clock: HandWound) -> None:
    """What has no room for three still has room for one, also right after it was asked."""
    counts = counts_of(store, clock)
    await counts.take({"a": 4}, 2)

    assert await counts.take({"a": 4, "b": 9}, 3) == "a"
    assert [await took(counts, a=4, b=9) for _ in range(3)] == [True, True, "a"]
    assert isinstance(await counts.take({"b": 9}, 7), Taken)


async def test_processes_that_race_stay_within_the_limit(store: SqliteStore, clock: HandWound) -> None:
    """Forty takers over four processes get exactly what the limit allows."""
    processes = [counts_of(store, clock) for _ in range(4)]
    answers: list[str | bool] = []

    async def take(number: int) -> None:
        answers.append(await took(processes[number % 4], a=7, b=100))

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(take, number)

    assert (answers.count(True), answers.count("a")) == (7, 33)
    assert [await took(processes[0], b=100) for _ in range(93)] == [True] * 93
    assert await took(processes[0], b=100) == "b"


@pytest.mark.parametrize("value", [b"", b"\xff", b"-1", b"1_0", b"9" * 5_000])
async def test_a_count_that_cannot_be_read_is_used_up_for_its_hour(
    store: SqliteStore, clock: HandWound, value: bytes
) -> None:
    """Rather too little is done than too much; a counter that nobody asks leave of begins anew."""
    hour = int(clock.time // HOUR)
    await store.put([Write(f"count/{hour}/{name}", value, None) for name in ("a", "touches")])
    counts = counts_of(store, clock)

    assert await counts.take({"a": 5}) == "a"
    assert await counts.add("touches") == 1
    clock.time += HOUR
    assert isinstance(await counts.take({"a": 5}), Taken)
