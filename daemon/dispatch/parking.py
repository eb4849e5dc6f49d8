"""Parks or drops what finally failed at a target, as the failure policy says.

executor.py comes here with intents, dispatch/remediation/answered.py with plans that a person had approved.
"""

from __future__ import annotations

import msgspec

from daemon.dispatch.context import DispatchContext
from daemon.dispatch.dead_letters import DeadLetter, DeadLetters
from daemon.dispatch.policy import FailureTable
from daemon.errors import EffectError
from daemon.event import Event
from daemon.telemetry.names import IntentOutcome


class Parking:
    """One for each target."""

    def __init__(self, name: str, table: FailureTable, dead_letters: DeadLetters, context: DispatchContext) -> None:
        self._name = name
        self._table = table
        self._dead_letters = dead_letters
        self._context = context

    async def give_up(self, intent: str, rule: str, event: Event, error: EffectError, attempts: int) -> IntentOutcome:
        """Return once the letter is safe, or at once where the policy drops it."""
        if self._context.failures.of_failure(self._table, error).finally_dropped:
            return IntentOutcome.DROPPED
        letter = DeadLetter(
            id=intent,
            parked_at=self._context.clock.now(),
            origin="target",
            name=self._name,
            reason=error.kind,
            detail=error.detail,
            attempts=attempts,
            rule=rule,
            identity=event.identity,
            event=msgspec.Raw(event.body),
        )
        await self._dead_letters.park(letter)
        return IntentOutcome.PARKED
