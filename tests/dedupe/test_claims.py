from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import anyio
import pytest

from daemon.dedupe.claims import Busy, Claims, ClaimState, Final, Held
from daemon.state.base import StateStore, Write
from tests.clocks import HandWound
from tests.dedupe.processes import claim_one, live_on, process

pytestmark = pytest.mark.anyio


async def take_over(store: StateStore, clock: HandWound) -> tuple[Claims, Held]:
    """Let a new process see no sign of the one that holds the intent for long enough, and take it."""
    session, survivor = await process(store, clock)
    assert isinstance(await claim_one(survivor), Busy)
    await live_on(clock, 120, session)
    taken = await claim_one(survivor)
    assert isinstance(taken, Held)
    return survivor, taken


async def test_one_of_two_processes_gets_a_claim(store: StateStore, clock: HandWound) -> None:
    """While the first one lives, the second sees the intent busy."""
    _, first = await process(store, clock)
    _, second = await process(store, clock)

    assert isinstance(await claim_one(first), Held)
    assert isinstance(await claim_one(second), Busy)


async def test_a_confirmed_intent_is_final_for_all_until_retention_ends(store: StateStore, clock: HandWound) -> None:
    """Done stays done for every process, and is forgotten after the retention."""
    _, first = await process(store, clock)
    _, second = await process(store, clock)
    held = await claim_one(first)
    assert isinstance(held, Held)
    assert await first.confirm(held, ClaimState.DONE)

    assert await claim_one(first) == await claim_one(second) == Final("intent", ClaimState.DONE)
    clock.time += 3601
    assert isinstance(await claim_one(second), Held)


async def test_a_released_intent_is_free_at_once(store: StateStore, clock: HandWound) -> None:
    """What was given back can be claimed by anyone."""
    _, first = await process(store, clock)
    _, second = await process(store, clock)
    held = await claim_one(first)
    assert isinstance(held, Held)
    await first.release([held])

    assert isinstance(await claim_one(second), Held)


@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", b'{"state":"eaten","session":""}'])
async def test_a_claim_that_cannot_be_read_is_taken_over(store: StateStore, clock: HandWound, value: bytes) -> None:
    """It is counted, and the intent beside it is claimed as ever: one broken item must not end the daemon."""
    session, claims = await process(store, clock)
    await store.put([Write("claim/broken", value, None)])

    broken, whole = await claims.claim(["broken", "whole"])

    assert isinstance(broken, Held)
    assert isinstance(whole, Held)
    await claims.confirm(broken, ClaimState.DONE)
    assert await claim_one(claims, "broken") == Final("broken", ClaimState.DONE)
    counted = session._telemetry.metrics.values("state_items_unreadable_total")
    assert sum(count for labels, count in counted if labels == {"kind": "claim"}) == 1.0


async def test_a_session_that_cannot_be_read_lapses_like_any_other(store: StateStore, clock: HandWound) -> None:
    """Its claims are taken over once it was seen to stand still for as long as our own may."""
    _, first = await process(store, clock)
    assert isinstance(await claim_one(first), Held)
    await store.put([Write(f"session/{first.session.id}", b"\xff", None)])

    survivor, _ = await take_over(store, clock)

    assert survivor is not first


async def test_what_was_done_can_be_made_to_stand_as_parked(store: StateStore, clock: HandWound) -> None:
    """Not while somebody is at it; afterwards, and where nobody knows of it, only a redrive gets the claim."""
    _, first = await process(store, clock)
    _, other = await process(store, clock)
    held = await claim_one(first)
    assert isinstance(held, Held)
    assert not await other.park("intent")
    await first.confirm(held, ClaimState.DONE)

    assert await other.park("intent")
    assert await other.park("intent")
    assert await other.park("unheard of")

    for intent in ("intent", "unheard of"):
        assert await claim_one(first, intent) == Final(intent, ClaimState.PARKED)
        (reopened,) = await first.claim([intent], reopen=True)
        assert isinstance(reopened, Held)


async def test_a_dead_process_loses_its_claims_when_its_session_lapses(store: StateStore, clock: HandWound) -> None:
    """After a crash others take over once they have seen no renewal for the session's length, not before."""
    _, dead = await process(store, clock)
    survivor_session, survivor = await process(store, clock)
    await claim_one(dead)
    await live_on(clock, 60, survivor_session)
    assert isinstance(await claim_one(survivor), Busy)
    await live_on(clock, 14, survivor_session)
    assert isinstance(await claim_one(survivor), Busy)
    clock.time += 1

    assert isinstance(await claim_one(survivor), Held)


async def test_a_process_that_renews_keeps_its_claims_whatever_the_clocks_say(
    store: StateStore, clock: HandWound
) -> None:
    """One whose clock is ten minutes ahead does not take a living one's session for expired."""
    session, slow = await process(store, clock)
    await claim_one(slow)
    ahead = HandWound(clock.time + 600)
    _, fast = await process(store, ahead)
    for _ in range(4):
        assert isinstance(await claim_one(fast), Busy)
        clock.time += 5
        ahead.time += 5
        await session.renew()


async def test_a_paused_process_notices_that_its_claim_was_taken(store: StateStore, clock: HandWound) -> None:
    """A process that slept through its session must not act on, confirm or release a claim that others took over."""
    paused_session, paused = await process(store, clock)
    held = await claim_one(paused)
    assert isinstance(held, Held)
    survivor, taken = await take_over(store, clock)
    await paused_session.renew()

    assert await paused.affirm(held) is None
    assert not await paused.confirm(held, ClaimState.DONE)
    await paused.release([held])
    assert await survivor.confirm(taken, ClaimState.DONE)


async def test_a_claim_that_was_lost_can_be_made_again_later(store: StateStore, clock: HandWound) -> None:
    """Who lost a claim while it slept sees how it ended, or gets it when the other gives it up."""
    paused_session, paused = await process(store, clock)
    held = await claim_one(paused)
    assert isinstance(held, Held)
    survivor, taken = await take_over(store, clock)
    await paused_session.renew()
    assert await paused.affirm(held) is None

    assert isinstance(await claim_one(paused), Busy)
    await survivor.release([taken])
    assert isinstance(await claim_one(paused), Held)


async def test_a_claim_that_is_affirmed_cannot_be_taken_over(store: StateStore, clock: HandWound) -> None:
    """Who has found a session dead, but not taken over yet, is too late once the owner has affirmed."""
    session, owner = await process(store, clock)
    held = await claim_one(owner)
    assert isinstance(held, Held)
    before = await store.get(["claim/intent"])
    clock.time += 60
    await session.renew()
    kept = await owner.affirm(held)

    assert kept is not None
    assert [item.version for item in before if item is not None] == [held.version] != [kept.version]
    assert await owner.confirm(kept, ClaimState.DONE)


async def test_a_paused_process_keeps_what_nobody_took(store: StateStore, clock: HandWound) -> None:
    """A lapse during which nobody asked costs one write."""
    session, claims = await process(store, clock)
    held = await claim_one(claims)
    assert isinstance(held, Held)
    clock.time += 120
    await session.renew()

    kept = await claims.affirm(held)
    assert kept is not None
    assert await claims.confirm(kept, ClaimState.DONE)


async def test_an_intent_twice_in_a_batch_is_held_once(store: StateStore, clock: HandWound) -> None:
    """Of equal intents in one call the first is held, the others are busy, and a second call sees it busy too."""
    _, claims = await process(store, clock)
    answers = await claims.claim(["a", "b", "a"])

    assert [type(answer) for answer in answers] == [Held, Held, Busy]
    assert isinstance(await claim_one(claims, "a"), Busy)


async def test_a_claim_whose_answer_was_lost_can_be_made_again(store: StateStore, clock: HandWound) -> None:
    """A claim of our own session that no task of ours knows of is taken over, not waited for."""
    session, claims = await process(store, clock)
    await claim_one(claims)
    same_process_after_lost_answer = Claims(store, session, clock, retention_seconds=3600)

    assert isinstance(await claim_one(same_process_after_lost_answer), Held)


async def test_confirming_again_after_a_lost_answer_succeeds(store: StateStore, clock: HandWound) -> None:
    """A confirmation that got through without its answer may be repeated."""
    _, claims = await process(store, clock)
    held = await claim_one(claims)
    assert isinstance(held, Held)

    assert await claims.confirm(held, ClaimState.DONE)
    assert await claims.confirm(held, ClaimState.DONE)


async def race(processes: Sequence[Claims]) -> Counter[type]:
    """Let all claim one intent at the same time; return how often each answer came."""
    answers: Counter[type] = Counter()

    async def ask(claims: Claims) -> None:
        answers[type(await claim_one(claims))] += 1

    async with anyio.create_task_group() as group:
        for claims in processes:
            group.start_soon(ask, claims)
    return answers


async def test_one_of_fifty_processes_gets_a_claim(store: StateStore, clock: HandWound) -> None:
    """Fifty processes claim the same thing at the same time: one holds it, to all others it is busy."""
    processes = [(await process(store, clock))[1] for _ in range(50)]

    assert await race(processes) == {Held: 1, Busy: 49}


async def test_one_of_fifty_processes_takes_over_from_a_dead_one(store: StateStore, clock: HandWound) -> None:
    """Fifty processes find a claim of a dead one at the same time: one takes it over."""
    _, dead = await process(store, clock)
    await claim_one(dead)
    processes = [await process(store, clock) for _ in range(50)]
    survivors = [claims for _, claims in processes]

    assert await race(survivors) == {Busy: 50}
    await live_on(clock, 15, *(session for session, _ in processes))
    assert await race(survivors) == {Held: 1, Busy: 49}


async def test_what_was_done_without_the_store_is_recorded_when_it_is_back(store: StateStore, clock: HandWound) -> None:
    """An assumed intent is final for its own process at once, and for all others after catch_up."""
    _, ours = await process(store, clock)
    _, others = await process(store, clock)
    held = ours.assume("intent")
    assert isinstance(held, Held)
    assert ours.assume("intent") == Busy("intent")
    assert await ours.affirm(held) == held
    ours.confirm_later(held, ClaimState.DONE)
    assert ours.assume("intent") == await claim_one(ours) == Final("intent", ClaimState.DONE)

    assert ours.owes
    await ours.catch_up()
    assert not ours.owes
    assert await claim_one(others) == Final("intent", ClaimState.DONE)


async def test_an_assumed_intent_whose_claim_had_got_through_does_not_stay_open(
    store: StateStore, clock: HandWound
) -> None:
    """The write reached the store, its answer did not reach us: recording the end replaces the claim."""
    session, ours = await process(store, clock)
    _, others = await process(store, clock)
    assert isinstance(await Claims(store, session, clock, 3600).claim(["intent"]), list)
    held = ours.assume("intent")
    assert isinstance(held, Held)
    ours.confirm_later(held, ClaimState.DONE)
    await ours.catch_up()

    assert await claim_one(others) == Final("intent", ClaimState.DONE)


async def test_an_end_recorded_late_does_not_overwrite_what_another_process_did(
    store: StateStore, clock: HandWound
) -> None:
    """Another process had parked it before: that stays so."""
    _, ours = await process(store, clock)
    _, others = await process(store, clock)
    theirs = await claim_one(others)
    assert isinstance(theirs, Held)
    assert await others.confirm(theirs, ClaimState.PARKED)
    held = ours.assume("intent")
    assert isinstance(held, Held)
    assert not await ours.confirm(held, ClaimState.DONE)

    assert await claim_one(others) == Final("intent", ClaimState.PARKED)
