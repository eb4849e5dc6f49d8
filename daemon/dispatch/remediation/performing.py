"""From a recorded plan to its recorded end: apply, verify; and on from where a crash or a failure has cut that off.

kernel.py hands over what policy and, where asked, a person have let through.
"""

from __future__ import annotations

import msgspec

from daemon.actions.base import Action, Decline, Declined, Image, Plan, Redo, Verdict
from daemon.actions.config import ActionConfig, Mode
from daemon.clients.estate import Call, Estate, Writer
from daemon.dispatch.remediation.between import between
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.gate import Gate, Refused, asked_by
from daemon.dispatch.remediation.locks import HeldLocks
from daemon.dispatch.remediation.record import Progress, Record, Saved
from daemon.dispatch.remediation.result import NOT_FOUND, Ending, Result, recorded
from daemon.dispatch.remediation.telling import write_begun, write_hold
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError, StateError
from daemon.telemetry.actions import RuleSuspended

_SURELY_NOT_DONE = frozenset(
    {FailureKind.THROTTLED, FailureKind.CREDENTIALS, FailureKind.ACCESS_DENIED, FailureKind.NOT_FOUND}
)
"""Failures after which the change has certainly not been made."""
_LOOK_AGAIN_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0)


class Performing:
    """The second half of a kernel.  All verbs raise EffectError; the caller holds the subject's locks."""

    def __init__(self, action: Action[ActionConfig], estate: Estate, context: RemediationContext, gate: Gate) -> None:
        self._action = action
        self._estate = estate
        self._context = context
        self._gate = gate
        self._clock = context.clock

    async def perform(self, saved: Saved, lock: HeldLocks) -> Result:
        """Make the change that is planned, verify it, record the end."""
        await write_begun(self._context, saved.record)
        return await self._verify(await self._apply(saved, lock))

    async def resume(self, saved: Saved, lock: HeldLocks) -> Result:
        """Go on where a change was cut off; others may have changed or held the resource since."""
        record = saved.record
        if record.progress is not Progress.APPLYING:
            return await self._verify(saved)
        if self._action.redo is Redo.NEVER:
            detail = "cut off while the change was being made; look at it before doing it again"
            return await self.end(saved, Ending.UNCERTAIN, "interrupted", detail)
        if self._action.redo is Redo.LOOK:
            image = await self.look(record)
            plan = NOT_FOUND if image is None else self._action.decide(record.subject, image)
            if isinstance(plan, Declined):
                return await self._verify(await self._advance(saved, Progress.APPLIED))
            ours = between(image, record.before, record.plan.after)
            if record.mode is Mode.APPROVE and not ours:
                detail = "cut off, and changed by somebody else since; look at it before doing it again"
                return await self.end(saved, Ending.UNCERTAIN, Decline.CHANGED, detail)
            saved = Saved(_going_on(record, plan, ours=ours), saved.version)
        await self._check_policy(saved)
        return await self.perform(saved, lock)

    async def look(self, record: Record) -> Image | None:
        """Return the live state of what a record is about."""
        subject = record.subject
        return await self._action.look(subject, self._estate.reader(subject.account, subject.region))

    async def _check_policy(self, saved: Saved) -> None:
        """Pass what is neither exempt nor held by now; half done, it waits for a person who redrives or undoes it."""
        try:
            self._gate.check_tags(saved.record.plan.resource_tags)
            await self._gate.check_holds(asked_by(saved.record))
        except Refused as refused:
            detail = f"cut off amid the change, and not gone on with: {refused.reason}, {refused.detail}"
            await self.end(saved, Ending.FAILED, FailureKind.REFUSED, detail)
            raise PermanentError(FailureKind.REFUSED, detail) from refused

    async def _apply(self, saved: Saved, lock: HeldLocks) -> Saved:
        planned = saved.record
        saved = await self._advance(saved, Progress.APPLYING)
        record = saved.record
        requests = list(record.requests)

        async def note(call: Call) -> None:
            requests.append(f"{call.service}:{call.operation}:{call.request_id}")
            await self._context.loops.note(call, record.intent)

        def as_it_is(error: EffectError) -> Saved:
            # An attempt before this one may have changed something, whatever became of this one.
            untouched = error.kind in _SURELY_NOT_DONE and len(requests) == len(record.requests)
            progress = planned.progress if untouched else Progress.APPLYING
            return Saved(msgspec.structs.replace(record, progress=progress, requests=tuple(requests)), saved.version)

        try:
            await lock.affirm()
        except RetryableError:
            await self._save(planned, saved.version)
            raise
        writer: Writer = self._estate.writer(record.subject.account, record.subject.region, note)
        try:
            applied = await self._action.apply(record.subject, record.plan, record.intent, writer)
        except StateError:
            raise
        except RetryableError as error:
            left = as_it_is(error)
            await self._save(left.record, left.version)
            raise
        except EffectError as error:
            await self.end(as_it_is(error), Ending.FAILED, error.kind, error.detail)
            raise
        done = msgspec.structs.replace(record, applied=applied, requests=tuple(requests))
        return await self._advance(Saved(await self._count_touch(done), saved.version), Progress.APPLIED)

    async def _count_touch(self, record: Record) -> Record:
        """Suspend the rule where it keeps touching one resource; whoever is told how this ends is told so, too."""
        limit = self._action.config.touches_per_hour
        suspended = await self._context.loops.touched(record.rule, record.subject, limit)
        if suspended is None:
            return record
        self._context.telemetry.emit(RuleSuspended(record.rule, suspended.why))
        await write_hold(self._context, suspended)
        detail = f"rule {record.rule} is suspended until a person resumes it: {suspended.why}"
        return msgspec.structs.replace(record, detail=detail)

    async def _verify(self, saved: Saved) -> Result:
        """Look until it shows or verify_seconds are over."""
        record = saved.record
        deadline = self._clock.monotonic() + self._action.config.verify_seconds
        looks = 0
        reader = self._estate.reader(record.subject.account, record.subject.region)
        while True:
            verdict = await self._action.verify(record.subject, record.plan, record.applied, reader)
            if verdict is Verdict.SETTLED:
                return await self.end(saved, Ending.DONE)
            if verdict is Verdict.FAILED or self._clock.monotonic() >= deadline:
                return await self.end(saved, Ending.UNVERIFIED, str(verdict), "the change does not show")
            await self._clock.sleep(_LOOK_AGAIN_SECONDS[min(looks, len(_LOOK_AGAIN_SECONDS) - 1)])
            looks += 1

    async def end(self, saved: Saved, ending: Ending, reason: str = "", detail: str = "") -> Result:
        """Record the end, and when it is to be undone."""
        told = "; ".join(filter(None, (detail, saved.record.detail)))
        record = saved.record.ended(ending, reason, told)
        after = self._action.config.undo_after_seconds
        if ending is Ending.DONE and after is not None and self._action.undoable:
            await self._context.expiries.add(record.intent, after)
        await self._save(record, saved.version)
        return recorded(record, ending)

    async def _advance(self, saved: Saved, progress: Progress) -> Saved:
        return await self._save(msgspec.structs.replace(saved.record, progress=progress), saved.version)

    async def _save(self, record: Record, expect: int) -> Saved:
        return await save(self._context, record, expect)


async def save(context: RemediationContext, record: Record, expect: int) -> Saved:
    """Store a record that nobody else has changed.  Raises RetryableError where somebody has."""
    saved = await context.records.save(record, expect, context.clock.now())
    if saved is None:
        raise RetryableError(FailureKind.STATE, "another process is at this action")
    return saved


def _going_on(record: Record, plan: Plan, *, ours: bool) -> Record:
    """Return the record with the plan of what is left to do."""
    if ours:
        return msgspec.structs.replace(record, plan=plan)
    # What others have changed is part of what undo goes back to: what was there before is nobody's to bring back.
    return msgspec.structs.replace(record, plan=plan, before=plan.before, plan_number=record.plan_number + 1)
