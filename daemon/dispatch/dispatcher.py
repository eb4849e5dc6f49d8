"""Carries matches out: plan intents, claim them, attempt with retry, confirm; park what finally fails.

pipeline/ calls carry_out with the matches of a batch and settles their deliveries as each match becomes final.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import anyio

from daemon.clock import Clock
from daemon.dedupe.claims import Busy, Claims, ClaimState, Final, Held
from daemon.dispatch.claiming import Claiming, Grip
from daemon.dispatch.executor import ClaimLost
from daemon.dispatch.plan import Intent, Match, plan
from daemon.dispatch.targets import Target
from daemon.errors import StateError
from daemon.retry import RetryPolicy
from daemon.telemetry import Telemetry
from daemon.telemetry.conditions import StateFailed
from daemon.telemetry.names import IntentOutcome, Outcome, Stage
from daemon.telemetry.signals import IntentClaimed, IntentFinished, IntentReleased, RuleMatched, StageTimed

_BUSY_POLICY = RetryPolicy(base_seconds=0.2, cap_seconds=2.0)
_RELEASE_SECONDS = 2.0
"""How long the ordered stop waits for claims to be given back; what is not comes free when the session lapses."""


class Dispatcher:
    """Shared by all sources; holds nothing but what is under way."""

    def __init__(
        self, targets: Mapping[str, Target], claims: Claims, telemetry: Telemetry, clock: Clock, rng: random.Random
    ) -> None:
        self.targets = targets
        self._claims = claims
        self._telemetry = telemetry
        self._clock = clock
        self._rng = rng
        self.claiming = Claiming(claims, targets, telemetry, clock, rng)

    async def carry_out(self, matches: Sequence[Match], on_final: Callable[[Match, Outcome], None]) -> None:
        """Bring every intent of the matches to its end; returns when the last one is.

        on_final is called once for each match: MATCHED, or DUPLICATE where others had brought all of its intents to
        their end.  Cancelled by the ordered stop: claims that did not come to their end are released.
        """
        batch = _Batch(self._claims, self.claiming, self._telemetry)
        planned = [(match, plan(match)) for match in matches]
        try:
            started = self._clock.monotonic()
            await self._claim(batch, [intent for _, intents in planned for intent in intents])
            self._telemetry.emit(StageTimed(Stage.CLAIM, self._clock.monotonic() - started))
            chains: dict[object, list[tuple[Match, Sequence[Intent]]]] = {}
            for match, intents in planned:
                chains.setdefault(match.order_key or match, []).append((match, intents))
            async with anyio.create_task_group() as group:
                for chain in chains.values():
                    if any(intents for _, intents in chain):
                        group.start_soon(self._carry_out_chain, batch, chain, on_final)
                    else:
                        await self._carry_out_chain(batch, chain, on_final)
        finally:
            await batch.release()

    async def _carry_out_chain(
        self,
        batch: _Batch,
        chain: list[tuple[Match, Sequence[Intent]]],
        on_final: Callable[[Match, Outcome], None],
    ) -> None:
        for match, intents in chain:
            done: set[str] = set()
            if match.order_key is None and len(intents) > 1:
                async with anyio.create_task_group() as group:
                    for intent in intents:
                        group.start_soon(self._finish, batch, intent, done)
            else:
                for intent in intents:
                    await self._finish(batch, intent, done)
            for rule in match.rules:
                if rule.is_match and (rule.name in done or not rule.routes):
                    self._telemetry.emit(RuleMatched(rule.name, rule.headline.severity, match.event.identity))
            on_final(match, Outcome.MATCHED if done or not intents else Outcome.DUPLICATE)

    async def _finish(self, batch: _Batch, intent: Intent, done: set[str]) -> None:
        """Bring one intent to its end, or wait until someone else has; add its rule to `done` if it was us."""
        looks = 0
        while not isinstance(claim := batch.take(intent), Final):
            if isinstance(claim, Held) and await self._carry_out_held(batch, intent):
                done.add(intent.rule.name)
                return
            looks += 1
            await self._clock.sleep(_BUSY_POLICY.delay(looks, None, self._rng))
            await self._claim(batch, [intent])

    async def _carry_out_held(self, batch: _Batch, intent: Intent) -> bool:
        """Attempt, then confirm; False where another process took the claim over before the effect took place."""
        target, grip = self.targets[intent.route.target], batch.grip(intent)
        started = self._clock.monotonic()
        try:
            ended = await target.deliver(intent, grip.still_held, grip.confirm)
        except ClaimLost:
            batch.drop(intent)
            return False
        batch.finish(intent, ended.outcome, ended.attempts)
        self._telemetry.emit(StageTimed(Stage.EFFECT, self._clock.monotonic() - started))
        return True

    async def _claim(self, batch: _Batch, intents: Sequence[Intent]) -> None:
        if intents:
            batch.claimed(intents, await self.claiming.claim(intents))


class _Batch:
    """The claims of one carry_out: what each intent's last claim answered, and which are to be given back."""

    def __init__(self, claims: Claims, claiming: Claiming, telemetry: Telemetry) -> None:
        self._answers: dict[str, Held | Busy | Final] = {}
        self._held: dict[str, Grip] = {}
        self._claims = claims
        self._claiming = claiming
        self._telemetry = telemetry

    def claimed(self, intents: Sequence[Intent], answers: Sequence[Held | Busy | Final]) -> None:
        for intent, answer in zip(intents, answers, strict=True):
            # An event twice in one batch: its second copy is Busy, and must not hide that the first one is Held.
            if not isinstance(self._answers.get(intent.id), Held):
                self._answers[intent.id] = answer
            if isinstance(answer, Held):
                self._held[intent.id] = self._claiming.grip(intent, answer)
                self._telemetry.emit(IntentClaimed(intent.route.target, intent.id))

    def take(self, intent: Intent) -> Held | Busy | Final:
        """Return the last answer; a held claim is given to the first who asks, to all others it is busy."""
        answer = self._answers[intent.id]
        if isinstance(answer, Held):
            self._answers[intent.id] = Busy(intent.id)
        return answer

    def grip(self, intent: Intent) -> Grip:
        """Return the claim that was given to whoever asked first."""
        return self._held[intent.id]

    def finish(self, intent: Intent, outcome: IntentOutcome, attempts: int) -> None:
        del self._held[intent.id]
        self._answers[intent.id] = Final(intent.id, ClaimState(outcome.value))
        self._telemetry.emit(IntentFinished(intent.route.target, intent.rule.name, intent.id, outcome, attempts))

    def drop(self, intent: Intent) -> None:
        del self._held[intent.id]
        self._telemetry.emit(IntentReleased(intent.route.target, intent.id))

    async def release(self) -> None:
        """Give back what did not come to its end: nothing, unless the daemon is stopping."""
        if not self._held:
            return
        held = [grip.held for grip in self._held.values()]
        for grip in self._held.values():
            self._telemetry.emit(IntentReleased(grip.intent.route.target, grip.intent.id))
        with anyio.move_on_after(_RELEASE_SECONDS, shield=True):
            try:
                await self._claims.release(held)
            except StateError as error:
                self._telemetry.emit(StateFailed(error.detail, 0.0))
