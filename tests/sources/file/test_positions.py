from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.clients import AwsClients, AwsSettings
from daemon.clock import SystemClock
from daemon.sources.base import SourceContext
from daemon.sources.file.paths import Found
from daemon.sources.file.positions import Head, Piece, Position, Positions, Tracked
from daemon.state.base import Delete, Write
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry import Telemetry

pytestmark = pytest.mark.anyio

FILE = Found("/logs/app.log", device=1, inode=2, size=100, mtime_ns=3)


@given(order=st.permutations(range(8)), settled=st.integers(0, 8))
def test_the_position_is_the_lowest_unsettled_offset(order: list[int], settled: int) -> None:
    """In whatever order pieces settle, the position never passes one that has not."""
    tracked = Tracked(FILE, 0, Head())
    pieces = [tracked.hand_out(10 * number, 10 * number + 10, 10 * number + 10) for number in range(8)]
    for number in order[:settled]:
        tracked.settle(pieces[number])

    assert tracked.position().settled == 10 * min(set(range(9)) - set(order[:settled]))
    assert tracked.is_settled == (settled == 8)


def handed_out(tracked: Tracked, end: int) -> Piece:
    piece = tracked.hand_out(0, end, end)
    tracked.settle(piece)
    return piece


async def test_positions_survive_in_the_store(context: SourceContext) -> None:
    """What was noted is there after a flush, under the source's own prefix, for other objects to read."""
    positions = Positions("orders", context)
    tracked = Tracked(FILE, 0, Head.of(b"begin"))
    handed_out(tracked, 40)
    positions.note(tracked)
    await positions.flush()

    (stored, other) = await Positions("orders", context).read([FILE, Found("/logs/other.log")])
    assert stored == Position("/logs/app.log", 2, 3, 40, 40, Head.of(b"begin"))
    assert other is None
    assert await Positions("elsewhere", context).read([FILE]) == [None]
    assert [item.key async for item in context.state.scan("position/orders/")] != []


async def test_a_position_of_another_making_is_ignored(context: SourceContext) -> None:
    """Bytes that are no position mean that the file is read again, not that the source stops."""
    positions = Positions("orders", context)
    await context.state.put([Write(positions._key(FILE.path), b"\x00 garbage", expect=None)])
    assert await positions.read([FILE]) == [None]


async def test_a_store_that_is_full_delays_positions(tmp_path: Path, telemetry: Telemetry) -> None:
    """A failed write loses nothing: the newest position is written once the store works again."""
    clock = SystemClock()
    store = await SqliteStore.open(SqliteConfig(path=tmp_path / "s.sqlite", max_bytes=1024**2), clock)
    aws = AwsClients(AwsSettings())
    context = SourceContext(telemetry, clock, random.Random(0), aws, store)
    ballast = [Write(f"ballast/{number}", b"x" * 100_000, expect=None) for number in range(9)]
    await store.put(ballast)
    positions = Positions("orders", context)
    for number in range(2_000):
        positions.note(Tracked(Found(f"/logs/{'x' * 200}/{number}"), 7, Head()))

    assert not await positions._write()
    positions.note(Tracked(Found(f"/logs/{'x' * 200}/0"), 8, Head()))
    await store.delete([Delete(write.key, expect=None) for write in ballast])
    await positions.flush()

    first, last = await positions.read([Found(f"/logs/{'x' * 200}/{number}") for number in (0, 1_999)])
    assert first is not None
    assert last is not None
    assert (first.settled, last.settled) == (8, 7)
    await store.close()
