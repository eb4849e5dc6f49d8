"""Carries out what people have answered, and lets lapse what nobody answered in time; app.py runs it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from daemon.dedupe.claims import Claims, ClaimState, Final, Held
from daemon.dispatch.remediation.approvals import Answer, Approval, plan_hash
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.record import Progress, Saved
from daemon.dispatch.remediation.result import Ending, Result, recorded
from daemon.dispatch.remediation.telling import asker_of, tell
from daemon.errors import EffectError, FailureKind, StateError
from daemon.telemetry.conditions import StateFailed

_POLL_SECONDS = 2.0
_ENDINGS = {Answer.DENIED: Ending.DENIED, Answer.PENDING: Ending.LAPSED}


class AnsweredApprovals:
    """Looks every two seconds for answers; one of all replicas carries each out."""

    def __init__(self, kernels: Mapping[str, Kernel], claims: Claims, context: RemediationContext) -> None:
        self._kernels = kernels
        self._claims = claims
        self._context = context

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self.carry_out_all()
            except StateError as error:
                self._context.telemetry.emit(StateFailed(error.detail, _POLL_SECONDS))
            await self._context.clock.sleep(_POLL_SECONDS)

    async def carry_out_all(self) -> None:
        """Carry out every answer there is now.  Raises StateError."""
        now = self._context.clock.now()
        due = [
            approval
            async for approval in self._context.approvals.all()
            if approval.answer is not Answer.PENDING or approval.deadline <= now
        ]
        for approval in due:
            await self._carry_out(approval)

    async def _carry_out(self, approval: Approval) -> None:
        (claim,) = await self._claims.claim([f"approval:{approval.intent}"])
        if isinstance(claim, Held):
            try:
                await self._end(approval)
            except EffectError as error:
                # Tried again at the next look, under the same claim's successor.
                await self._claims.release([claim])
                if isinstance(error, StateError):
                    raise
                self._context.telemetry.emit(StateFailed(error.detail, _POLL_SECONDS))
                return
            await self._claims.confirm(claim, ClaimState.DONE)
        if isinstance(claim, Held | Final):
            await self._context.approvals.forget(approval.intent)

    async def _end(self, approval: Approval) -> None:
        saved = await self._context.records.find(approval.intent)
        if saved is None:
            return
        result = await self._result(approval, saved)
        kernel = self._kernels.get(saved.record.action)
        notify = kernel.action.config.notify if kernel is not None else ()
        asker = asker_of(saved.record)
        await tell(self._context, asker, msgspec.structs.replace(result, by=approval.by or result.by), notify)

    async def _result(self, approval: Approval, saved: Saved) -> Result:
        record = saved.record
        if record.progress is Progress.ENDED:
            return recorded(record, Ending(record.ending))
        kernel = self._kernels.get(record.action)
        if approval.answer is not Answer.APPROVED:
            return await self._close(saved, _ENDINGS[approval.answer], "", "")
        if kernel is None or approval.plan != plan_hash(record):
            why = "the action is no longer configured" if kernel is None else "the plan was altered"
            return await self._close(saved, Ending.REFUSED, "altered", why)
        if record.progress is Progress.WAITING:
            record = msgspec.structs.replace(record, progress=Progress.PLANNED, by=approval.by)
            advanced = await self._context.records.save(record, saved.version, self._context.clock.now())
            if advanced is None:
                raise StateError("the record of an approved plan was changed meanwhile")
            saved = advanced
        try:
            return await kernel.act_on_approved(saved)
        except StateError:
            raise
        except EffectError as error:
            return await self._fail(saved, error.kind, error.detail)
        except Exception as error:  # noqa: BLE001 - the stage boundary: a fault of our own fails the intent, not the daemon
            return await self._fail(saved, FailureKind.BUG, f"{type(error).__name__} in action")

    async def _fail(self, saved: Saved, kind: FailureKind, detail: str) -> Result:
        found = await self._context.records.find(saved.record.intent)
        return await self._close(found or saved, Ending.FAILED, kind, detail)

    async def _close(self, saved: Saved, ending: Ending, reason: str, detail: str) -> Result:
        record = msgspec.structs.replace(
            saved.record, progress=Progress.ENDED, ending=ending, reason=reason, detail=detail
        )
        await self._context.records.save(record, saved.version, self._context.clock.now())
        return recorded(record, ending)
