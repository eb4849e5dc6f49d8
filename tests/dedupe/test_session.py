"""What a process's session says of others, and when it is renewed: over outages, and where answers are slow."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from daemon.dedupe.claims import Busy, ClaimState, Held
from daemon.dedupe.session import Session
from daemon.state.base import Conflict, Item, StateStore, Write
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry import build_telemetry
from tests.clocks import HandWound
from tests.dedupe.processes import claim_one, live_on, process

pytestmark = pytest.mark.anyio


async def test_after_an_outage_nobody_takes_the_others_for_dead(store: StateStore, clock: HandWound) -> None:
    """The store was away for all: whoever is back first leaves the others a whole session's length to be back, too."""
    slow_session, slow = await process(store, clock)
    quick_session, quick = await process(store, clock)
    held = await claim_one(slow)
    assert isinstance(held, Held)
    assert isinstance(await claim_one(quick), Busy)
    clock.time += 120
    assert isinstance(await claim_one(quick), Busy), "it cannot know who is dead before it has renewed"
    await quick_session.renew()
    assert isinstance(await claim_one(quick), Busy)
    await live_on(clock, 14, quick_session)
    assert isinstance(await claim_one(quick), Busy)
    await slow_session.renew()

    assert await slow.confirm(held, ClaimState.DONE)


async def test_a_row_that_expired_during_an_outage_is_no_death(store: StateStore, clock: HandWound) -> None:
    """After an outage of an hour nobody's row is there; who is back first waits for those that live."""
    slow_session, slow = await process(store, clock)
    quick_session, quick = await process(store, clock)
    await claim_one(slow)
    clock.time += 3_000
    await quick_session.renew()
    assert isinstance(await claim_one(quick), Busy)
    await live_on(clock, 14, quick_session)
    assert isinstance(await claim_one(quick), Busy)
    await slow_session.renew()
    await live_on(clock, 60, quick_session, slow_session)

    assert isinstance(await claim_one(quick), Busy)


async def test_a_session_that_was_given_up_is_dead_at_once(store: StateStore, clock: HandWound) -> None:
    """What an ordered stop could not release need not wait."""
    session, stopped = await process(store, clock)
    _, other = await process(store, clock)
    await claim_one(stopped)
    await session.end()

    assert isinstance(await claim_one(other), Held)


async def test_a_renewal_that_takes_long_does_not_delay_the_next(tmp_path: Path, clock: HandWound) -> None:
    """A session is as old as the question, not as its answer: what that took is taken off the wait for the next."""

    class FarAway(SqliteStore):
        """Takes four seconds for a batch of writes, by the clock of the test."""

        async def put(self, writes: Sequence[Write]) -> list[Item | Conflict]:
            clock.time += 4.0
            return await super().put(writes)

    store = await FarAway.open(SqliteConfig(path=tmp_path / "state.sqlite"), clock)
    session = Session(store, clock, build_telemetry(clock=clock), ttl_seconds=15)
    async with anyio.create_task_group() as group:
        group.start_soon(session.keep, random.Random(0))
        while len(clock.slept) < 3:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    await store.close()

    assert clock.slept[:3] == [1.0, 1.0, 1.0]
    assert session.generation == 1
