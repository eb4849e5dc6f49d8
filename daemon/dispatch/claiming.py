"""Claims as dispatcher.py needs them: repeated until the state store answers, or done without while it is away.

Without, for the targets whose `when_state_is_away` is `proceed`: what they are sent meanwhile may be sent twice, by us
after a restart or by another process; what became of it is recorded once the store is back.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from daemon.clock import Clock
from daemon.dedupe.claims import Busy, Claims, ClaimState, Final, Held
from daemon.dedupe.session import Outage
from daemon.dispatch.plan import Intent
from daemon.dispatch.targets import Target
from daemon.errors import RetryableError, StateError
from daemon.retry import RetryPolicy, retrying
from daemon.telemetry import Telemetry
from daemon.telemetry.conditions import StateFailed
from daemon.telemetry.delivery import ClaimOverrun, IntentUnclaimed, StateLost, StateRegained
from daemon.telemetry.names import IntentOutcome

T = TypeVar("T")
Claim = Held | Busy | Final

_POLICY = RetryPolicy(base_seconds=0.1, cap_seconds=5.0, max_age_seconds=None, max_attempts=None)
_CONFIRMING = RetryPolicy(base_seconds=0.1, cap_seconds=1.0, max_age_seconds=None, max_attempts=None)
"""Sooner again: until the end is recorded, the effect can be repeated."""
_LOOK_SECONDS = 1.0
_FINAL_STATE = {outcome: ClaimState(outcome.value) for outcome in IntentOutcome}


class Claiming:
    """The claims of one process, for its targets."""

    def __init__(
        self, claims: Claims, targets: Mapping[str, Target], telemetry: Telemetry, clock: Clock, rng: random.Random
    ) -> None:
        self._claims = claims
        self._outage = Outage(clock, claims.session.away_after_seconds)
        """Of claims: a full disk takes a renewed lease, but no new rows."""
        self._targets = targets
        self._telemetry = telemetry
        self._clock = clock
        self._rng = rng

    async def claim(self, intents: Sequence[Intent], *, reopen: bool = False) -> Sequence[Claim]:
        """Try to claim each intent; with `reopen` also what is parked.

        While the store is away, intents of targets that go ahead are Held all the same, and the others beside them Busy
        at once, so that nobody waits for them.
        """
        ids = [intent.id for intent in intents]
        some_proceed = any(self._proceeds(intent) for intent in intents)

        async def ask() -> Sequence[Claim]:
            if some_proceed and self._away:
                return [self._claim_without(intent) for intent in intents]
            answers = await self._claims.claim(ids, reopen=reopen)
            self.written()
            return answers

        return await self.until_answered(ask)

    def grip(self, intent: Intent, held: Held) -> Grip:
        """Return what a target needs of a claim that is held."""
        return Grip(intent, held, self._claims, self)

    async def watch(self) -> None:
        """Tell when the store goes away and comes back, and record what happened meanwhile; for ever."""
        lost = False
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            if self._away != lost:
                lost = not lost
                self._tell(lost)
            if self._claims.owes and not self._claims.session.away:
                try:
                    await self._claims.catch_up()
                except StateError as error:
                    self._failed(error, 1, _LOOK_SECONDS)
                else:
                    self.written()

    @property
    def _away(self) -> bool:
        return self._claims.session.away or self._outage.away

    def _tell(self, lost: bool) -> None:  # noqa: FBT001 - one caller
        proceeding = sorted(name for name, target in self._targets.items() if target.proceeds_without_state)
        if lost:
            waiting = sorted(set(self._targets) - set(proceeding))
            self._telemetry.emit(StateLost(waiting, proceeding))
            how = f"wait: {', '.join(waiting) or 'none'}; proceed, perhaps twice: {', '.join(proceeding) or 'none'}"
            self._telemetry.health.ill("targets without state", how)
        else:
            self._telemetry.emit(StateRegained())
            self._telemetry.health.well("targets without state")

    def may_go_ahead(self, intent: Intent) -> bool:
        """Whether this intent is done without the store now."""
        return self._away and self._proceeds(intent)

    def _proceeds(self, intent: Intent) -> bool:
        return self._targets[intent.route.target].proceeds_without_state

    def _claim_without(self, intent: Intent) -> Claim:
        if not self._proceeds(intent):
            return Busy(intent.id)
        claim = self._claims.assume(intent.id)
        if isinstance(claim, Held):
            self._telemetry.emit(IntentUnclaimed(intent.route.target, intent.id))
        return claim

    async def until_answered(self, call: Callable[[], Awaitable[T]], policy: RetryPolicy = _POLICY) -> T:
        """Repeat a call of the store: what it holds decides whether an effect may take place."""
        return await retrying(call, policy, self._clock, self._rng, on_failure=self._failed)

    def _failed(self, error: RetryableError, _attempt: int, wait: float) -> None:
        self._outage.failed()
        self._telemetry.health.ill("claims", error.detail)
        self._telemetry.emit(StateFailed(error.detail, wait))

    def overrun(self, intent: Intent) -> None:
        """Another process took the claim over before we could confirm what we did."""
        self._telemetry.emit(ClaimOverrun(intent.route.target, intent.id))

    def written(self) -> None:
        """The store took a write; what it only read says nothing about a full disk."""
        if self._outage.answered():
            self._telemetry.health.well("claims")


class Grip:
    """A claim that is held, from the first look before an attempt to the confirmation."""

    def __init__(self, intent: Intent, held: Held, claims: Claims, claiming: Claiming) -> None:
        self.intent = intent
        self.held = held
        """Under the version that it has now: see Claims.affirm."""
        self._claims = claims
        self._claiming = claiming

    async def still_held(self) -> bool:
        """Return whether the effect may take place as far as the claim is concerned."""

        async def ask() -> Held | None:
            return self.held if self._claiming.may_go_ahead(self.intent) else await self._claims.affirm(self.held)

        kept = await self._claiming.until_answered(ask)
        if kept is not None:
            self.held = kept
        return kept is not None

    async def confirm(self, outcome: IntentOutcome) -> None:
        """Record that the intent is final: now, or once the store is back."""

        async def ask() -> None:
            if self._claiming.may_go_ahead(self.intent):
                self._claims.confirm_later(self.held, _FINAL_STATE[outcome])
            else:
                if not await self._claims.confirm(self.held, _FINAL_STATE[outcome]):
                    self._claiming.overrun(self.intent)
                self._claiming.written()

        await self._claiming.until_answered(ask, _CONFIRMING)
