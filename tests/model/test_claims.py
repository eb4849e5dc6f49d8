"""The claim protocol in every interleaving: nothing lost, nothing done twice without a crash or a pause, nothing stuck.

Each seeded fault stands for a shortcut that looks right; the checker must find it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from daemon.dedupe.claims import Busy, Claims, ClaimState, Final, Held
from daemon.dedupe.session import Session
from daemon.state.base import Item, Write
from tests.model.claims_world import Bounds, ClaimsWorld
from tests.model.explorer import Violation, explore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BOUNDS = {
    "a crash": Bounds(crashes=1, paused=0),
    "a pause and a lost answer, or one of them": Bounds(lost_answers=1),
    "two tasks in one process": Bounds(workers=(2, 1), paused=0),
    "a store that is away": Bounds(paused=0, outages=1, ticks=1),
    "a store that is away, and a crash": Bounds(paused=0, outages=1, crashes=1, ticks=0),
    "a clock that is wrong by ten minutes": Bounds(wrong_clocks=(0.0, 600.0)),
}


@pytest.mark.parametrize("bounds", BOUNDS.values(), ids=BOUNDS)
def test_no_order_of_steps_breaks_a_promise(bounds: Bounds) -> None:
    """Two processes with one event in hand: through all their interleavings, every promise holds."""
    assert explore(lambda: ClaimsWorld(bounds)) > 300


class WithoutFence(Claims):
    """Acts on what it once held, whatever happened since."""

    async def affirm(self, held: Held) -> Held | None:
        return held


class OnlyLooks(Claims):
    """Reads whether the claim is still its own, but does not keep the other from taking it over in that moment."""

    async def affirm(self, held: Held) -> Held | None:
        if held.generation == self.session.generation and self.session.fresh:
            return held
        (item,) = await self._store.get(["claim/" + held.intent])
        if item is not None and item.version == held.version:
            return held
        self._ours.discard(held.intent)
        return None


class TrustsItsOwnName(Claims):
    """Takes its own name on the claim for proof that it holds it now."""

    async def affirm(self, held: Held) -> Held | None:
        if held.generation == self.session.generation and self.session.fresh:
            return held
        generation = self.session.generation
        (answer,) = await self._store.put([self._write(held.intent, ClaimState.CLAIMED, held.version)])
        item = answer if isinstance(answer, Item) else answer.current
        if item is not None and b"p0" in item.value and b"claimed" in item.value:
            return Held(held.intent, item.version, generation)
        self._ours.discard(held.intent)
        return None


class NeverForgets(Claims):
    """Believes for ever that it is at an intent which others have taken over."""

    async def affirm(self, held: Held) -> Held | None:
        kept = await super().affirm(held)
        self._ours.add(held.intent)
        return kept


class TakesOverBlindly(Claims):
    """Takes over what is there by now, not what it saw abandoned."""

    async def _take_over(self, items: list[Item]) -> dict[str, Item]:
        answers = await self._store.put([Write(item.key, item.value, None) for item in items])
        return {answer.key: answer for answer in answers if isinstance(answer, Item)}


class RemembersOnSight(Claims):
    """Writes down that it is done before it is."""

    async def claim(self, intents: Sequence[str], *, reopen: bool = False) -> list[Held | Busy | Final]:
        answers = await super().claim(intents, reopen=reopen)
        for answer in answers:
            if isinstance(answer, Held):
                await self._store.put([self._write(answer.intent, ClaimState.DONE, answer.version)])
        return answers


class ComparesClocks(Session):
    """Takes a session for dead when its end has come by the looker's clock."""

    async def alive(self, sessions: set[str]) -> set[str]:
        found = await self._store.get(["session/" + session for session in sorted(sessions)])
        now = self._clock.now() + 900.0
        pairs = zip(sorted(sessions), found, strict=True)
        return {session for session, item in pairs if item is not None and (item.expires_at or 0.0) > now}


class LooksTooEarly(Session):
    """Judges whether it had lapsed by when it asked for the renewal, not by when it had it."""

    async def renew(self) -> None:
        lapsed, generation = not self.fresh, self.generation
        await super().renew()
        self.generation = generation + lapsed


@pytest.mark.parametrize(
    ("fault", "bounds", "promise"),
    [
        (WithoutFence, Bounds(), "done twice"),
        (OnlyLooks, Bounds(), "done twice"),
        (TrustsItsOwnName, Bounds(lost_answers=1), "done twice"),
        (NeverForgets, Bounds(), "never comes to an end"),
        (TakesOverBlindly, Bounds(), "done twice"),
        (RemembersOnSight, Bounds(crashes=1), "acknowledged and never done"),
    ],
)
def test_a_fault_in_the_claims_is_found(fault: type[Claims], bounds: Bounds, promise: str) -> None:
    """The checker names the promise that a wrong protocol breaks."""
    with pytest.raises(Violation, match=promise):
        explore(lambda: ClaimsWorld(bounds, claims=fault))


class TakesAnOutageForDeath(Session):
    """Holds it against others that they did not renew while it could not renew itself."""

    async def alive(self, sessions: set[str]) -> set[str]:
        found = await self._store.get(["session/" + session for session in sorted(sessions)])
        alive = set()
        for session, item in zip(sorted(sessions), found, strict=True):
            if item is not None:
                version, since = self._seen.setdefault(session, (item.version, self._clock.monotonic()))
                if version != item.version:
                    self._seen[session] = (item.version, self._clock.monotonic())
                if version != item.version or self._clock.monotonic() - since < self._ttl:
                    alive.add(session)
        return alive


class ForgetsAnOutage(Session):
    """Judges others again as soon as it has renewed, by what it saw before."""

    async def renew(self) -> None:
        await super().renew()
        self._unbroken_since = float("-inf")


@pytest.mark.parametrize(
    ("fault", "bounds"),
    [
        (ComparesClocks, Bounds(wrong_clocks=(0.0, 600.0))),
        (LooksTooEarly, Bounds()),
        (TakesAnOutageForDeath, Bounds(paused=0, outages=1, ticks=1)),
        (ForgetsAnOutage, Bounds(paused=0, outages=1, ticks=1)),
    ],
)
def test_a_fault_in_the_session_is_found(fault: type[Session], bounds: Bounds) -> None:
    """A lease that is judged by the wrong clock, or at the wrong moment, lets two processes do the same."""
    with pytest.raises(Violation, match="done twice"):
        explore(lambda: ClaimsWorld(bounds, session=fault))
