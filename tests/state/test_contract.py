"""What every StateStore promises, run on each store there is."""

from __future__ import annotations

import anyio
import pytest

from daemon.state.base import (
    ABSENT,
    MOST_KEY_BYTES,
    MOST_VALUE_BYTES,
    Conflict,
    Delete,
    Item,
    StateStore,
    Write,
)
from tests.state.conftest import MovedClock

pytestmark = pytest.mark.anyio


async def put_one(store: StateStore, write: Write) -> Item | Conflict:
    (answer,) = await store.put([write])
    return answer


async def test_reads_what_was_written(store: StateStore) -> None:
    """An item comes back with its bytes, its version and its expiry."""
    written = await put_one(store, Write("test/a", b"\x00\xff", ABSENT, expires_at=4_100_000_000.123456))

    assert [written, None] == await store.get(["test/a", "test/b"])
    assert isinstance(written, Item)
    assert written.value == b"\x00\xff"


async def test_creating_twice_conflicts(store: StateStore) -> None:
    """The second creation of a key loses and is shown the winner."""
    first = await put_one(store, Write("test/a", b"1", ABSENT))
    second = await put_one(store, Write("test/a", b"2", ABSENT))

    assert isinstance(first, Item)
    assert Conflict(first) == second


async def test_a_stale_version_conflicts(store: StateStore) -> None:
    """Who writes with a version that has been replaced loses."""
    first = await put_one(store, Write("test/a", b"1", ABSENT))
    assert isinstance(first, Item)
    second = await put_one(store, Write("test/a", b"2", first.version))
    assert isinstance(second, Item)

    assert Conflict(second) == await put_one(store, Write("test/a", b"3", first.version))
    assert [Conflict(second)] == await store.delete([Delete("test/a", first.version)])
    assert await store.delete([Delete("test/a", second.version)]) == [None]


async def test_a_version_never_comes_back(store: StateStore) -> None:
    """A key that was deleted and made again does not accept the version it had before."""
    first = await put_one(store, Write("test/a", b"1", ABSENT))
    assert isinstance(first, Item)
    await store.delete([Delete("test/a", None)])
    await put_one(store, Write("test/a", b"1", ABSENT))

    assert isinstance(await put_one(store, Write("test/a", b"2", first.version)), Conflict)


async def test_expired_items_are_absent_before_they_are_purged(store: StateStore, clock: MovedClock) -> None:
    """At its expiry an item is gone for every verb, and its key is free."""
    old = await put_one(store, Write("test/a", b"1", ABSENT, expires_at=clock.time + 10))
    assert isinstance(old, Item)
    assert await store.get(["test/a"]) == [old]
    clock.time += 10

    assert await store.get(["test/a"]) == [None]
    assert [item async for item in store.scan("test/a")] == []
    assert await put_one(store, Write("test/a", b"2", old.version)) == Conflict(None)
    assert await store.delete([Delete("test/a", old.version)]) == [Conflict(None)]
    assert isinstance(await put_one(store, Write("test/a", b"2", ABSENT)), Item)


async def test_purge_harms_nothing_alive(store: StateStore, clock: MovedClock) -> None:
    """After purge has nothing left to do, what has not expired is there."""
    written = await put_one(store, Write("test/a", b"1", ABSENT, expires_at=clock.time + 10))
    await put_one(store, Write("test/b", b"1", ABSENT, expires_at=clock.time + 5))
    clock.time += 6
    while await store.purge():
        pass

    assert await store.get(["test/a", "test/b"]) == [written, None]


async def test_a_condition_on_what_is_absent_fails(store: StateStore) -> None:
    """A version is expected where nothing is: the answer says that nothing is there."""
    assert await put_one(store, Write("test/a", b"1", 17)) == Conflict(None)
    assert await store.delete([Delete("test/a", 17), Delete("test/b", None)]) == [Conflict(None), None]


async def test_an_unconditional_write_wins(store: StateStore) -> None:
    """Without an expectation a write replaces what is there, and takes its version's validity."""
    first = await put_one(store, Write("test/a", b"1", ABSENT))
    second = await put_one(store, Write("test/a", b"2", None))
    assert isinstance(first, Item)
    assert isinstance(second, Item)

    assert await put_one(store, Write("test/a", b"3", first.version)) == Conflict(second)


async def test_a_batch_is_no_transaction(store: StateStore) -> None:
    """Of 120 writes those whose condition holds take place, the others are refused, each answer in its place."""
    keys = [f"test/{number:03}" for number in range(120)]
    taken = await store.put([Write(key, b"old", ABSENT) for key in keys[::3]])
    answers = await store.put([Write(key, b"new", ABSENT) for key in keys])

    assert [answer.current for answer in answers if isinstance(answer, Conflict)] == taken
    assert [place for place, answer in enumerate(answers) if isinstance(answer, Conflict)] == list(range(0, 120, 3))
    values = [item.value if item is not None else None for item in await store.get([*keys, keys[0]])]
    assert values == [b"old" if number % 3 == 0 else b"new" for number in range(120)] + [b"old"]


async def test_nothing_is_asked_for_nothing(store: StateStore) -> None:
    """Empty batches have empty answers."""
    assert (await store.get([]), await store.put([]), await store.delete([])) == ([], [], [])


async def test_the_largest_item_fits(store: StateStore) -> None:
    """A key and a value of the greatest size come back; larger ones are a fault of the caller's."""
    key = "test/" + "ü" * ((MOST_KEY_BYTES - 5) // 2)
    written = await put_one(store, Write(key, b"\x00" * MOST_VALUE_BYTES, ABSENT))

    assert await store.get([key]) == [written]
    for write in (Write(key + "üü", b"", None), Write("test/a", b"x" * (MOST_VALUE_BYTES + 1), None)):
        with pytest.raises(ValueError, match="too large"):
            await store.put([write])


async def test_a_key_has_a_collection(store: StateStore) -> None:
    """A key or a prefix without a slash is a fault of the caller's."""
    with pytest.raises(ValueError, match="collection"):
        await store.put([Write("plain", b"", None)])
    with pytest.raises(ValueError, match="collection"):
        _ = [item async for item in store.scan("cla")]


@pytest.mark.parametrize("collection", ["claim", "position"])
async def test_scan_yields_a_prefix_in_order(store: StateStore, collection: str) -> None:
    """A scan over more than one page sees every item of its prefix once, sorted, however it is spread."""
    keys = [f"{collection}/orders-{number:05}" for number in range(603)]
    others = [f"{collection}/order", f"{collection}/ordert", f"{collection}x/orders-1", "lease/orders-1"]
    await store.put([Write(key, b"", ABSENT) for key in [*keys, *others]])

    assert keys == [item.key async for item in store.scan(f"{collection}/orders")]


async def test_says_what_is_there(store: StateStore) -> None:
    """`vigild check` gets a line and changes nothing."""
    assert (await store.check()).split(":")[0] in {"sqlite", "dynamodb"}


async def test_one_winner_in_a_race(store: StateStore) -> None:
    """Of fifty concurrent creations one wins, and all losers see the same winner."""
    answers: list[Item | Conflict] = []

    async def race(number: int) -> None:
        answers.append(await put_one(store, Write("test/a", str(number).encode(), ABSENT)))

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(race, number)

    winners = [answer for answer in answers if isinstance(answer, Item)]
    assert len(winners) == 1
    assert {Conflict(winners[0]).current} == {answer.current for answer in answers if isinstance(answer, Conflict)}
