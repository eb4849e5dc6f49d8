"""The action kernel: from an intent to an end that is recorded, whatever happens in between.

    subject → own event? → gate (exemptions, holds, cool-down, budgets) → look → decide → [shadow | approve | auto]
      → record → apply → verify → journal → tell

performing.py has the second half, from the record on.  target.py calls `carry_out` and repeats it after failures that
may pass; each call goes on from the record that the last one, of this process or of one that died, has left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from daemon.actions.base import Action, Decline, Declined, Image, Plan, Redo
from daemon.actions.config import ActionConfig, Mode
from daemon.actions.subject import Subject, SubjectError
from daemon.clients.estate import Estate
from daemon.dispatch.plan import Intent
from daemon.dispatch.remediation.between import between
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.gate import Asked, Gate, Refused, asked_by
from daemon.dispatch.remediation.performing import Performing, save
from daemon.dispatch.remediation.record import OVER, Progress, Record, Saved
from daemon.dispatch.remediation.result import NOT_FOUND, Ending, Refusal, Result, declined, recorded, would_do
from daemon.errors import EffectError, FailureKind, RetryableError
from daemon.state.base import ABSENT, MOST_VALUE_BYTES

_LARGEST_PLAN_BYTES = 150_000
_LARGEST_RECORD_BYTES = MOST_VALUE_BYTES - 50_000
"""What is noted in it until its end finds room."""


class Kernel:
    """One configured action, on one intent at a time."""

    def __init__(self, name: str, action: Action[ActionConfig], estate: Estate, context: RemediationContext) -> None:
        self.name = name
        self.action = action
        self._config = action.config
        self._estate = estate
        self._context = context
        self._clock = context.clock
        self._gate = Gate(action.config, context.store, context.holds, context.counts, context.clock)
        self._performing = Performing(action, estate, context, self._gate)

    async def carry_out(self, intent: Intent, still_held: Callable[[], Awaitable[bool]]) -> Result:
        """Bring the intent to its end and record it.

        Raises RetryableError for what may pass (call again: it goes on where it stopped) and PermanentError for what
        does not.
        """
        former = await self._context.records.find(intent.id)
        if former is not None and not _begins_anew(former.record):
            return await self._go_on(former, intent)
        try:
            subject = await self._subject(intent)
            asked = self._asked(intent, subject)
            if not _has_spent(former):
                self._gate.check_used_up(asked)
            async with self._context.locks.hold(subject) as lock:
                record = await self._plan(asked, former, intent)
                if isinstance(record, Result):
                    return record
                if not await still_held():
                    raise RetryableError(FailureKind.STATE, "the claim was taken over")
                saved = await save(self._context, record, former.version if former is not None else ABSENT)
                if self._config.mode is Mode.APPROVE:
                    return await self._context.approvals.ask(saved, intent.event.body)
                return await self._performing.perform(saved, lock)
        except Refused as refused:
            return Result(ending=Ending.REFUSED, reason=refused.reason, detail=refused.detail)

    async def _subject(self, intent: Intent) -> Subject:
        """Return what to act on, if that may be acted on at all."""
        event = intent.event.document()
        cause = await self._context.loops.cause(event)
        if cause is not None:
            raise Refused(Refusal.OWN_EVENT, f"caused by our own intent {cause}" if cause else "caused by our own call")
        try:
            subject = self.action.subject(event)
        except SubjectError as error:
            raise Refused(Refusal.SUBJECT, str(error)) from error
        if not subject.account:
            subject = msgspec.structs.replace(subject, account=await self._estate.own_account())
        outside = await self._estate.forbids(subject.account, subject.region)
        if outside is not None:
            raise Refused(Refusal.OUTSIDE, outside)
        return subject

    async def _plan(self, asked: Asked, former: Saved | None, intent: Intent) -> Record | Result:
        """Return the record to begin with, or how it ends where nothing is to be begun.  Raises Refused."""
        await self._gate.admit(asked)
        spent = [] if _has_spent(former) else [await self._gate.spend(asked, 1)]
        kept = False
        try:
            plan = self._decide(asked.subject, await self._look(asked.subject))
            if isinstance(plan, Declined):
                return declined(asked.subject, plan)
            self._gate.check_tags(plan.resource_tags)
            record = self._new_record(intent, asked.subject, plan, former)
            more = _resources_changed(asked.subject, plan) - 1
            if spent and more > 0:
                spent.append(await self._gate.spend(asked, more))
            kept = True
        finally:
            if not kept:
                await self._gate.give_back(spent)
        await self._gate.begin_cooldown(asked)
        return would_do(asked.subject, plan) if self._config.mode is Mode.SHADOW else record

    def _asked(self, intent: Intent, subject: Subject) -> Asked:
        return Asked(intent.id, intent.rule.name, self.name, self._config.mode, subject)

    async def _look(self, subject: Subject) -> Image | None:
        return await self.action.look(subject, self._estate.reader(subject.account, subject.region))

    def _decide(self, subject: Subject, image: Image | None) -> Plan | Declined:
        return NOT_FOUND if image is None else self.action.decide(subject, image)

    def _new_record(self, intent: Intent, subject: Subject, plan: Plan, former: Saved | None) -> Record:
        """Return the record of a plan.  Raises Refused for one that the state store does not take."""
        waits = self._config.mode is Mode.APPROVE
        record = Record(
            intent=intent.id,
            rule=intent.rule.name,
            action=self.name,
            kind=self._config.type,
            mode=self._config.mode,
            event=intent.event.identity,
            hops=intent.event.hops,
            subject=subject,
            plan=plan,
            before=plan.before,
            progress=Progress.WAITING if waits else Progress.PLANNED,
            deadline=self._clock.now() + self._config.approval_seconds if waits else 0.0,
        )
        record = _following(record, former.record) if former is not None else record
        for what, size, most in (
            ("plan", len(msgspec.json.encode(plan)), _LARGEST_PLAN_BYTES),
            ("record", len(msgspec.json.encode(record)), _LARGEST_RECORD_BYTES),
        ):
            if size > most:
                raise Refused(Refusal.TOO_LARGE, f"a {what} of {size} bytes, over {most}")
        if waits and len(intent.event.body) > MOST_VALUE_BYTES:
            raise Refused(Refusal.TOO_LARGE, f"an event of over {MOST_VALUE_BYTES} bytes cannot wait for a person")
        return record

    async def _go_on(self, saved: Saved, intent: Intent) -> Result:
        """Go on from a record: our own of a moment ago, or what a crash has left."""
        record = saved.record
        if record.progress in OVER:
            return recorded(record, Ending(record.ending))
        if record.mode is Mode.APPROVE:
            # Also where a person has answered by now: answered.py carries that out.
            return await self._context.approvals.ask(saved, intent.event.body)
        async with self._context.locks.hold(record.subject) as lock:
            return await self._performing.resume(saved, lock)

    async def act_on_approved(self, saved: Saved) -> Result:
        """Do what a person has approved, if nobody holds it by now, and the live state still is what the person saw."""
        record, performing = saved.record, self._performing
        if record.progress is not Progress.PLANNED:
            async with self._context.locks.hold(record.subject) as lock:
                return await performing.resume(saved, lock)
        try:
            await self._gate.check_holds(asked_by(record))
        except Refused as refused:
            return await performing.end(saved, Ending.REFUSED, refused.reason, refused.detail)
        async with self._context.locks.hold(record.subject) as lock:
            if await performing.look(record) != record.plan.before:
                return await performing.end(
                    saved, Ending.DECLINED, Decline.CHANGED, "no longer as it was when approved"
                )
            return await performing.perform(saved, lock)

    async def give_up(self, intent: str, error: EffectError) -> Result:
        """Record that no further attempt is made, and return what is told of it; a half-done action can be undone."""
        told = Result(ending=Ending.FAILED, reason=error.kind, detail=error.detail)
        try:
            saved = await self._context.records.find(intent)
            if saved is None:
                return told
            record = saved.record
            if record.progress is Progress.APPLYING and self.action.redo is Redo.NEVER:
                return await self._performing.end(saved, Ending.UNCERTAIN, error.kind, error.detail)
            if record.mode is Mode.AUTO and record.progress not in OVER:
                return await self._performing.end(saved, Ending.FAILED, error.kind, error.detail)
        except EffectError:
            return told  # the state store is away: the record says how far it came
        if record.progress in OVER and record.ending != Ending.FAILED:
            return recorded(record, Ending(record.ending))
        return msgspec.structs.replace(recorded(record, Ending.FAILED), reason=error.kind, detail=error.detail)


def _begins_anew(record: Record) -> bool:
    """Return whether nothing follows from a record: nothing was done yet, or a person has redriven what failed."""
    return record.ending == Ending.FAILED or (record.progress is Progress.PLANNED and record.mode is Mode.AUTO)


def _has_spent(former: Saved | None) -> bool:
    """Return whether this very attempt has been counted already."""
    return former is not None and not former.record.ending


def _resources_changed(subject: Subject, plan: Plan) -> int:
    """Return on how many of the subject's resources a plan acts; parts of one, its volumes say, are that one."""
    return min(len(subject.resources), len({change.resource for change in plan.changes}))


def _following(record: Record, former: Record) -> Record:
    """Return a new record with what it owes to the one before it, of the same intent."""
    same = msgspec.json.encode(record.plan) == msgspec.json.encode(former.plan)
    number = former.plan_number + (1 if former.ending or not same else 0)
    record = msgspec.structs.replace(record, plan_number=number)
    half_done = former.touched and former.progress is not Progress.UNDONE
    if half_done and between(record.before, former.before, former.plan.after):
        # Undo goes back to what was there before the first change.
        return msgspec.structs.replace(record, before=former.before, touched=True, requests=former.requests)
    return record
