"""An action as a target of rules: dispatcher.py delivers intents to it as it does to a sink."""

from __future__ import annotations

from daemon.dispatch.context import DispatchContext
from daemon.dispatch.executor import Ended, Executor
from daemon.dispatch.parking import Parking
from daemon.dispatch.plan import Intent
from daemon.dispatch.policy import ACTION_FAILURES
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.result import Asker, Ending, Result
from daemon.dispatch.remediation.telling import tell
from daemon.dispatch.targets import Confirm, Held
from daemon.errors import FailureKind, PermanentError
from daemon.telemetry.names import IntentOutcome


class ActionTarget:
    """Carries intents out with one kernel.  No breaker: an account that refuses must not stop the others."""

    def __init__(
        self, kernel: Kernel, parking: Parking, context: RemediationContext, dispatch: DispatchContext
    ) -> None:
        self.name = kernel.name
        self.kernel = kernel
        self.proceeds_without_state = False
        self._context = context
        self._executor = Executor(kernel.name, kernel.action.config, ACTION_FAILURES, parking, dispatch)

    async def deliver(self, intent: Intent, still_held: Held, confirm: Confirm) -> Ended:
        """See Target: brought to an end that is journalled and told, then confirmed."""
        result = Result(ending=Ending.FAILED)

        async def attempt() -> IntentOutcome:
            nonlocal result
            result = await self.kernel.carry_out(intent, still_held)
            if result.ending is Ending.UNCERTAIN:
                raise PermanentError(FailureKind.STATE, result.detail)
            return IntentOutcome.REFUSED if result.ending is Ending.REFUSED else IntentOutcome.DONE

        ended = await self._executor.execute(intent, still_held, attempt)
        if ended.error is not None and result.ending is not Ending.UNCERTAIN:
            result = await self.kernel.give_up(intent.id, ended.error)
        await self._tell(intent, result)
        await confirm(ended.outcome)
        return ended

    async def _tell(self, intent: Intent, result: Result) -> None:
        """Journal and announce the result."""
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
        await tell(self._context, asker, result, config.notify)

    async def check(self) -> str:
        """See Target: whom it acts as is the estate's to say."""
        return f"{self.kernel.action.config.type}, mode {self.kernel.action.config.mode}"

    async def close(self) -> None:
        """Nothing is open but clients, which whoever made them closes."""
