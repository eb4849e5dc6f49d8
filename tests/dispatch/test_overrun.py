"""What is said of an alert that another process took over while this one was away between sending and confirming."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from daemon.dedupe.claims import ClaimState, Held
from daemon.dispatch.claiming import Claiming
from daemon.dispatch.plan import plan
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry import Telemetry, build_telemetry
from daemon.telemetry.names import IntentOutcome
from tests.clocks import HandWound
from tests.dedupe.processes import claim_one, live_on, process
from tests.dispatch.test_dispatcher import match

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("is_taken_over", [True, False])
async def test_a_claim_taken_over_before_its_confirmation_is_told(tmp_path: Path, is_taken_over: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """The lapse counts, and the effect as one that may be repeated, but only where somebody did take it over."""
    clock, telemetry = HandWound(), build_telemetry()
    store = await SqliteStore.open(SqliteConfig(path=tmp_path / "state.sqlite"), clock)
    (intent,) = plan(match())
    session, claims = await process(store, clock, telemetry)
    held = await claim_one(claims, intent.id)
    assert isinstance(held, Held)
    grip = Claiming(claims, {}, telemetry, clock, random.Random(0)).grip(intent, held)
    assert await grip.still_held()
    other_session, other = await process(store, clock)
    await claim_one(other, intent.id)
    await live_on(clock, 20, other_session)
    if is_taken_over:
        taken = await claim_one(other, intent.id)
        assert isinstance(taken, Held)
        assert await other.confirm(taken, ClaimState.DONE)
    await session.renew()
    await grip.confirm(IntentOutcome.DONE)
    await store.close()

    assert counted(telemetry, "intents_overrun_total") == is_taken_over
    assert counted(telemetry, "session_lapses_total") == 1


def counted(telemetry: Telemetry, name: str) -> float:
    return sum(value for _, value in telemetry.metrics.values(name))
