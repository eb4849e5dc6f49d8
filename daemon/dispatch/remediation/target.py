"""An action as a target of rules: dispatcher.py delivers intents to it as it does to a sink."""

from __future__ import annotations

from daemon.dispatch.context import DispatchContext
from daemon.dispatch.dead_letters import DeadLetters
from daemon.dispatch.executor import Ended, Executor
from daemon.dispatch.plan import Intent
from daemon.dispatch.policy import ACTION_FAILURES
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.result import Asker, Ending, Result
from daemon.dispatch.remediation.telling import tell
from daemon.dispatch.targets import Confirm, Held
from daemon.errors import RetryableError
from daemon.retry import RetryPolicy, retrying
from daemon.telemetry.names import IntentOutcome
from daemon.telemetry.signals import AttemptFailed

_TELLING = RetryPolicy(base_seconds=0.1, cap_seconds=5.0, max_age_seconds=None, max_attempts=None)
"""What has been done is told, however long the state store is away."""


class ActionTarget:
    """Carries intents out with one kernel.  No breaker: an account that refuses must not stop the others."""

    def __init__(
        self, kernel: Kernel, dead_letters: DeadLetters, context: RemediationContext, dispatch: DispatchContext
    ) -> None:
        self.name = kernel.name
        self.kernel = kernel
        self.proceeds_without_state = False
        self._notify = kernel.action.config.notify
        self._context = context
        self._executor = Executor(kernel.name, kernel.action.config, ACTION_FAILURES, dead_letters, dispatch)

    async def deliver(self, intent: Intent, still_held: Held, confirm: Confirm) -> Ended:
        """See Target: brought to an end that is journalled and told, then confirmed."""
        result: Result | None = None

        async def attempt() -> IntentOutcome:
            nonlocal result
            result = await self.kernel.carry_out(intent, still_held)
            return _OUTCOMES.get(result.ending, IntentOutcome.DONE)

        ended = await self._executor.execute(intent, still_held, attempt)
        if ended.error is not None or result is None:
            kind, detail = (ended.error.kind, ended.error.detail) if ended.error else ("", "")
            result = Result(ending=Ending.FAILED, reason=kind, detail=detail)
        await self._tell(intent, result)
        await confirm(ended.outcome)
        return ended

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

    async def check(self) -> str:
        """See Target: whom it acts as is the estate's to say."""
        return f"{self.kernel.action.config.type}, mode {self.kernel.action.config.mode}"

    async def close(self) -> None:
        """Nothing is open but clients, which whoever made them closes."""

    def _failed(self, intent: Intent, error: RetryableError, attempt: int, wait: float) -> None:
        self._context.telemetry.emit(AttemptFailed(self.name, intent.id, error.kind, error.detail, attempt, wait))


_OUTCOMES = {
    Ending.REFUSED: IntentOutcome.REFUSED,
    Ending.UNCERTAIN: IntentOutcome.PARKED,
    Ending.FAILED: IntentOutcome.PARKED,
}
"""The rest is DONE: what was asked for is done, said, or waits under a record of its own."""
