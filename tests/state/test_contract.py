"""What every StateStore promises, run on each store there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from daemon.clock import SystemClock
from daemon.errors import StateError
from daemon.state import StateConfig, open_store
from daemon.state.base import ABSENT, Conflict, Delete, Item, StateStore, Write

pytestmark = pytest.mark.anyio


class HandWound(SystemClock):
    """A wall clock that tests move."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> float:
        """See Clock."""
        return self.time


@pytest.fixture
def clock() -> HandWound:
    return HandWound()


@pytest.fixture
async def store(tmp_path: Path, clock: HandWound) -> AsyncIterator[StateStore]:
    store = await open_store(StateConfig(path=tmp_path / "state.sqlite"), clock)
    yield store
    await store.close()


async def put_one(store: StateStore, write: Write) -> Item | Conflict:
    (answer,) = await store.put([write])
    return answer


async def test_reads_what_was_written(store: StateStore) -> None:
    """An item comes back with its bytes, its version and its expiry."""
    written = await put_one(store, Write("a", b"\x00\xff", ABSENT, expires_at=2_000_000.0))

    assert [written, None] == await store.get(["a", "b"])
    assert isinstance(written, Item)
    assert written.value == b"\x00\xff"


async def test_creating_twice_conflicts(store: StateStore) -> None:
    """The second creation of a key loses and is shown the winner."""
    first = await put_one(store, Write("a", b"1", ABSENT))
    second = await put_one(store, Write("a", b"2", ABSENT))

    assert isinstance(first, Item)
    assert Conflict(first) == second


async def test_a_stale_version_conflicts(store: StateStore) -> None:
    """Who writes with a version that has been replaced loses."""
    first = await put_one(store, Write("a", b"1", ABSENT))
    assert isinstance(first, Item)
    second = await put_one(store, Write("a", b"2", first.version))
    assert isinstance(second, Item)

    assert Conflict(second) == await put_one(store, Write("a", b"3", first.version))
    assert [Conflict(second)] == await store.delete([Delete("a", first.version)])
    assert await store.delete([Delete("a", second.version)]) == [None]


async def test_a_version_never_comes_back(store: StateStore) -> None:
    """A key that was deleted and made again does not accept the version it had before."""
    first = await put_one(store, Write("a", b"1", ABSENT))
    assert isinstance(first, Item)
    await store.delete([Delete("a", None)])
    await put_one(store, Write("a", b"1", ABSENT))

    assert isinstance(await put_one(store, Write("a", b"2", first.version)), Conflict)


async def test_expired_items_are_absent_before_they_are_purged(store: StateStore, clock: HandWound) -> None:
    """At its expiry an item is gone for every verb, and purge removes it."""
    await put_one(store, Write("a", b"1", ABSENT, expires_at=clock.time + 10))
    clock.time += 10

    assert await store.get(["a"]) == [None]
    assert [item async for item in store.scan("a")] == []
    assert await store.purge() == 1
    assert isinstance(await put_one(store, Write("a", b"2", ABSENT)), Item)


async def test_scan_yields_a_prefix_in_order(store: StateStore) -> None:
    """A scan over more than one page sees every item of its prefix once, sorted."""
    keys = [f"claim/{number:05}" for number in range(1_203)]
    await store.put([Write(key, b"", ABSENT) for key in [*keys, "clainz", "claim", "zzz"]])

    assert keys == [item.key async for item in store.scan("claim/")]


async def test_one_winner_in_a_race(store: StateStore) -> None:
    """Of fifty concurrent creations one wins, and all losers see the same winner."""
    answers: list[Item | Conflict] = []

    async def race(number: int) -> None:
        answers.append(await put_one(store, Write("a", str(number).encode(), ABSENT)))

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(race, number)

    winners = [answer for answer in answers if isinstance(answer, Item)]
    assert len(winners) == 1
    assert {Conflict(winners[0]).current} == {answer.current for answer in answers if isinstance(answer, Conflict)}


async def test_what_was_written_outlives_the_process(tmp_path: Path, clock: HandWound) -> None:
    """A store opened again on the same file has everything."""
    config = StateConfig(path=tmp_path / "state.sqlite")
    store = await open_store(config, clock)
    written = await put_one(store, Write("a", b"1", ABSENT))
    await store.close()

    again = await open_store(config, clock)
    assert [written] == await again.get(["a"])
    await again.close()


async def test_a_file_that_is_no_store_is_refused(tmp_path: Path, clock: HandWound) -> None:
    """Garbage where the state should be stops with an error that names the file."""
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"this is no database, " * 100)

    with pytest.raises(StateError, match=r"state\.sqlite.*not a database"):
        await open_store(StateConfig(path=path), clock)


async def test_a_full_store_says_so_and_goes_on(tmp_path: Path, clock: HandWound) -> None:
    """A store at its size limit refuses writes with an error, still reads, and writes again after a delete."""
    store = await open_store(StateConfig(path=tmp_path / "state.sqlite", max_bytes=1024**2), clock)
    written = 0
    with pytest.raises(StateError, match="full"):
        while True:
            await put_one(store, Write(f"item/{written}", b"x" * 50_000, ABSENT))
            written += 1

    assert len([item async for item in store.scan("item/")]) == written
    await store.delete([Delete(f"item/{number}", None) for number in range(written // 2)])
    assert isinstance(await put_one(store, Write("more", b"x", ABSENT)), Item)
    await store.close()
