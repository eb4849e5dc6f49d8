"""An action as a target of rules: dispatcher.py delivers intents to it as it does to a sink."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import msgspec

from daemon.dispatch.dead_letters import DeadLetter, DeadLetters
from daemon.dispatch.plan import Intent
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.result import Asker, Ending, Result
from daemon.dispatch.remediation.telling import tell
from daemon.dispatch.targets import ClaimLost
from daemon.errors import EffectError, FailureKind, PermanentError, VigildError
from daemon.retry import Attempts, RetryPolicy, retrying
from daemon.telemetry.names import IntentOutcome
from daemon.telemetry.signals import AttemptFailed

_TELLING = RetryPolicy(base_seconds=0.1, cap_seconds=5.0, max_age_seconds=None, max_attempts=None)
"""What has been done is told, however long the state store is away."""


class ActionTarget:
    """Carries intents out with one kernel, at most `max_concurrency` at a time."""

    def __init__(self, kernel: Kernel, dead_letters: DeadLetters, context: RemediationContext) -> None:
        config = kernel.action.config
        self.name = kernel.name
        self.kernel = kernel
        self._notify = config.notify
        self._policy = config.retry.policy()
        self._dead_letters = dead_letters
        self._context = context
        self._limiter = anyio.CapacityLimiter(config.max_concurrency)

    async def deliver(
        self,
        intent: Intent,
        still_held: Callable[[], Awaitable[bool]],
        confirm: Callable[[IntentOutcome], Awaitable[None]],
    ) -> tuple[IntentOutcome, int]:
        """Bring the intent to an end that is journalled and told, then confirm.  Raises ClaimLost, see Target."""
        async with self._limiter:
            result, attempts = await self._bring_to_end(intent, still_held)
        await self._tell(intent, result)
        outcome = _OUTCOMES.get(result.ending, IntentOutcome.DONE)
        await confirm(outcome)
        return outcome, attempts

    async def _bring_to_end(self, intent: Intent, still_held: Callable[[], Awaitable[bool]]) -> tuple[Result, int]:
        attempts = Attempts()

        async def attempt() -> Result:
            if not await still_held():
                raise ClaimLost
            return await self._carry_out(intent, still_held)

        try:
            result = await retrying(
                attempt,
                self._policy,
                self._context.clock,
                self._context.rng,
                attempts=attempts,
                on_failure=lambda error, count, wait: self._failed(intent, error, count, wait),
            )
        except EffectError as error:
            self._failed(intent, error, attempts.made, None)
            await self._park(intent, error, attempts.made)
            result = Result(ending=Ending.FAILED, reason=error.kind, detail=error.detail)
        return result, attempts.made

    async def _carry_out(self, intent: Intent, still_held: Callable[[], Awaitable[bool]]) -> Result:
        """The stage boundary: a fault of our own in an action is a failed intent, never a lost one or a dead daemon."""
        try:
            return await self.kernel.carry_out(intent, still_held)
        except (VigildError, ClaimLost):
            raise
        except Exception as error:
            raise PermanentError(FailureKind.BUG, f"{type(error).__name__} in action") from error

    async def _tell(self, intent: Intent, result: Result) -> None:
        config = self.kernel.action.config
        asker = Asker(
            intent=intent.id,
            rule=intent.rule.name,
            action=self.name,
            kind=config.type,
            mode=config.mode,
            event=intent.event.identity,
            hops=intent.event.hops,
        )
        await retrying(
            lambda: tell(self._context, asker, result, self._notify),
            _TELLING,
            self._context.clock,
            self._context.rng,
            on_failure=lambda error, count, wait: self._failed(intent, error, count, wait),
        )

    async def close(self) -> None:
        """Nothing is open but clients, which whoever made them closes."""

    def _failed(self, intent: Intent, error: EffectError, attempt: int, wait: float | None) -> None:
        self._context.telemetry.emit(AttemptFailed(self.name, intent.id, error.kind, error.detail, attempt, wait))

    async def _park(self, intent: Intent, error: EffectError, attempts: int) -> None:
        letter = DeadLetter(
            id=intent.id,
            parked_at=self._context.clock.now(),
            origin="target",
            name=self.name,
            reason=error.kind,
            detail=error.detail,
            attempts=attempts,
            rule=intent.rule.name,
            event=msgspec.Raw(intent.event.body),
        )
        await self._dead_letters.park(letter)


_OUTCOMES = {
    Ending.REFUSED: IntentOutcome.REFUSED,
    Ending.UNCERTAIN: IntentOutcome.PARKED,
    Ending.FAILED: IntentOutcome.PARKED,
}
"""The rest is DONE: what was asked for is done, said, or waits under a record of its own."""
