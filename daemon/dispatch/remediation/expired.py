"""Undoes actions whose time is over, unless they are held; see due.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from daemon.clients.estate import Estate
from daemon.dedupe.claims import Claims
from daemon.dispatch.policy import UNDO_FAILURES, FailureSettings
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.due import DueWork
from daemon.dispatch.remediation.holds import Hold
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.record import Progress
from daemon.dispatch.remediation.result import not_undone
from daemon.dispatch.remediation.undo import NothingToUndoError, UndoError, undo
from daemon.errors import EffectError, FailureKind, PermanentError
from daemon.telemetry.actions import UndoFailed, UndoHeld


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
        self._held: dict[str, str] = {}
        """The holds that intents due wait for, as they were told."""

    async def due(self) -> Sequence[str]:
        """See DueWork: what nobody holds."""
        found = await self.context.expiries.due()
        self._timeless = {each.intent for each in found if not each.readable}
        holds = await self._holds([each.intent for each in found])
        for intent, hold in holds.items():
            if self._held.get(intent) != hold.id:
                self.context.telemetry.emit(UndoHeld(intent, hold.id, hold.by))
        self._held = {intent: hold.id for intent, hold in holds.items()}
        return [each.intent for each in found if each.intent not in holds]

    async def _holds(self, intents: Sequence[str]) -> dict[str, Hold]:
        """Return what keeps which of them waiting; an undo that was begun is brought to its end."""
        if not intents or not await self.context.holds.in_force():
            return {}
        found = {}
        for intent in intents:
            try:
                saved = await self.context.records.find(intent)
            except PermanentError:
                continue
            if saved is not None and saved.record.progress is Progress.ENDED:
                record = saved.record
                hold = await self.context.holds.covering(record.rule, record.action, record.subject)
                if hold is not None:
                    found[intent] = hold
        return found

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
            await self.tell(saved.record, not_undone(saved.record, error))

    async def forget(self, intent: str) -> None:
        """See DueWork."""
        await self.context.expiries.forget(intent)
