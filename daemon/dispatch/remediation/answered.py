"""Carries out what people have answered, and lets lapse what nobody answered in time; see due.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from daemon.dedupe.claims import Claims
from daemon.dispatch.parking import Parking
from daemon.dispatch.policy import ACTION_FAILURES, FailureSettings
from daemon.dispatch.remediation.approvals import Answer, Approval, plan_hash
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.due import DueWork
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.record import OVER, Progress, Record, Saved
from daemon.dispatch.remediation.result import Ending, Refusal, Result, recorded
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError, StateError
from daemon.event import Event

_ENDINGS = {Answer.DENIED: Ending.DENIED, Answer.PENDING: Ending.LAPSED}


class AnsweredApprovals(DueWork):
    """Looks every two seconds for answers."""

    name: ClassVar = "approval"
    poll_seconds: ClassVar = 2.0
    table: ClassVar = ACTION_FAILURES

    def __init__(
        self,
        kernels: Mapping[str, Kernel],
        parking: Mapping[str, Parking],
        claims: Claims,
        context: RemediationContext,
        failures: FailureSettings,
    ) -> None:
        """Take the dead-letter place of each action, too."""
        super().__init__(kernels, claims, context, failures)
        self._parking = parking

    async def due(self) -> Sequence[str]:
        """See DueWork: what is answered, or past its deadline."""
        now = self.context.clock.now()
        return [
            approval.intent
            async for approval in self.context.approvals.all()
            if approval.answer is not Answer.PENDING or approval.deadline <= now
        ]

    async def carry_out(self, intent: str) -> None:
        """See DueWork."""
        approval = await self.context.approvals.find(intent)
        saved = await self.context.records.find(intent)
        if approval is None or saved is None:
            return
        result = await self._result(approval, saved)
        await self._tell(saved, msgspec.structs.replace(result, by=approval.by or result.by))

    async def give_up(self, intent: str, error: EffectError) -> None:
        """See DueWork: recorded and told as failed; what has come to its end all the same keeps it."""
        try:
            saved = await self.context.records.find(intent)
        except PermanentError:
            return  # counted and logged where it was read; nothing says any longer whose it was
        if saved is None:
            return
        if saved.record.progress in OVER:
            result = recorded(saved.record, Ending(saved.record.ending))
        else:
            result = await self._close(saved, Ending.FAILED, error.kind, error.detail)
        await self._tell(saved, result)

    async def forget(self, intent: str) -> None:
        """See DueWork."""
        await self.context.approvals.forget(intent)

    async def _tell(self, saved: Saved, result: Result) -> None:
        """Journal and announce the result; what needs a person, or can be redriven, leaves a dead letter."""
        if result.ending in (Ending.FAILED, Ending.UNCERTAIN):
            await self._park(saved.record, result)
        await self.tell(saved.record, result)

    async def _park(self, record: Record, result: Result) -> None:
        """Park the event that asked.  Raises RetryableError while the request itself is still being told of."""
        parking = self._parking.get(record.action)
        if parking is None:
            return
        if not await self.claims.park(record.intent):
            raise RetryableError(FailureKind.STATE, "another process is at the intent that asked")
        kind = FailureKind.STATE if result.ending is Ending.UNCERTAIN else FailureKind(result.reason)
        event = Event(record.event, await self.context.approvals.event(record.intent), "", record.hops)
        error = PermanentError(kind, result.detail)
        await parking.give_up(record.intent, record.rule, event, error, self.attempts(record.intent))

    async def _result(self, approval: Approval, saved: Saved) -> Result:
        record = saved.record
        if record.progress in OVER:
            return recorded(record, Ending(record.ending))
        kernel = self.kernels.get(record.action)
        if approval.answer is not Answer.APPROVED:
            return await self._close(saved, _ENDINGS[approval.answer], "", "")
        if kernel is None:
            return await self._close(saved, Ending.REFUSED, Refusal.ALTERED, "the action is no longer configured")
        # Once begun, a plan may have become the plan of what is left to do.
        if record.progress in (Progress.WAITING, Progress.PLANNED) and approval.plan != plan_hash(record):
            return await self._close(saved, Ending.REFUSED, Refusal.ALTERED, "the plan was altered")
        if record.progress is Progress.WAITING:
            record = msgspec.structs.replace(record, progress=Progress.PLANNED, by=approval.by)
            saved = await self._save(saved, record)
        return await kernel.act_on_approved(saved)

    async def _close(self, saved: Saved, ending: Ending, reason: str, detail: str) -> Result:
        ended = saved.record.ended(ending, reason, detail)
        return recorded((await self._save(saved, ended)).record, ending)

    async def _save(self, saved: Saved, record: Record) -> Saved:
        advanced = await self.context.records.save(record, saved.version, self.context.clock.now())
        if advanced is None:
            raise StateError("the record of an answered plan was changed meanwhile")
        return advanced
