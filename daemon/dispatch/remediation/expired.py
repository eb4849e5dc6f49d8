"""Undoes actions whose time is over (expiries.py); see due.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from daemon.clients.estate import Estate
from daemon.dedupe.claims import Claims
from daemon.dispatch.policy import UNDO_FAILURES, FailureSettings
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.due import DueWork
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.result import not_undone
from daemon.dispatch.remediation.telling import asker_of, tell
from daemon.dispatch.remediation.undo import NothingToUndoError, UndoError, undo
from daemon.errors import EffectError, FailureKind, PermanentError
from daemon.telemetry.actions import UndoFailed


class ExpiredActions(DueWork):
    """Looks every ten seconds for actions whose time is over."""

    name: ClassVar = "undo"
    poll_seconds: ClassVar = 10.0
    table: ClassVar = UNDO_FAILURES

    def __init__(
        self,
        kernels: Mapping[str, Kernel],
        estate: Estate,
        claims: Claims,
        context: RemediationContext,
        failures: FailureSettings,
    ) -> None:
        super().__init__(kernels, claims, context, failures)
        self._estate = estate
        self._timeless: set[str] = set()
        """Intents of which nobody can read any longer when they are to be undone."""

    async def due(self) -> Sequence[str]:
        """See DueWork."""
        found = await self.context.expiries.due()
        self._timeless = {each.intent for each in found if not each.readable}
        return [each.intent for each in found]

    async def carry_out(self, intent: str) -> None:
        """See DueWork."""
        if intent in self._timeless:
            raise PermanentError(FailureKind.STATE, "when to undo it cannot be read")
        try:
            await undo(intent, self.kernels, self._estate, self.context, "vigild, after its time")
        except NothingToUndoError:
            return  # by a person, or by a process that died before it could say so
        except UndoError as error:
            # Changed since: what is there now is nobody's to touch.
            raise PermanentError(FailureKind.REFUSED, str(error)) from error

    async def give_up(self, intent: str, error: EffectError) -> None:
        """See DueWork: what stays as the action left it is told, because somebody counts on its end."""
        self.context.telemetry.emit(UndoFailed(intent, f"{error.kind}: {error.detail}"))
        try:
            saved = await self.context.records.find(intent)
        except PermanentError:
            return
        if saved is not None:
            kernel = self.kernels.get(saved.record.action)
            result = not_undone(saved.record, error)
            await tell(self.context, asker_of(saved.record), result, kernel.action.config.notify if kernel else ())

    async def forget(self, intent: str) -> None:
        """See DueWork."""
        await self.context.expiries.forget(intent)
