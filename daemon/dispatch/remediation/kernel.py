"""The action kernel: from an intent to an end that is recorded, whatever happens in between.

    subject → own event? → gate (exemptions, holds, cool-down, budgets) → look → decide → [shadow | approve | auto]
      → record → apply → verify → journal → tell

target.py calls `carry_out` and repeats it after failures that may pass; each call goes on from the record that the
last one, of this process or of one that died, has left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from daemon.actions.base import Action, Decline, Declined, Image, Plan, Redo, Verdict
from daemon.actions.config import ActionConfig, Mode
from daemon.actions.subject import Subject, SubjectError
from daemon.clients.estate import Call, Estate, Writer
from daemon.dispatch.plan import Intent
from daemon.dispatch.remediation.between import between
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.gate import Asked, Gate, Refused
from daemon.dispatch.remediation.record import OVER, Progress, Record, Saved
from daemon.dispatch.remediation.result import NOT_FOUND, Ending, Refusal, Result, declined, recorded, would_do
from daemon.dispatch.remediation.telling import write_begun, write_hold
from daemon.errors import EffectError, FailureKind, RetryableError, StateError
from daemon.state.base import ABSENT, MOST_VALUE_BYTES
from daemon.telemetry.actions import RuleSuspended

_LARGEST_PLAN_BYTES = 150_000
_SURELY_NOT_DONE = frozenset({FailureKind.THROTTLED, FailureKind.CREDENTIALS})
"""Failures after which the change has certainly not been made."""
_LOOK_AGAIN_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0)


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

    async def carry_out(self, intent: Intent, still_held: Callable[[], Awaitable[bool]]) -> Result:
        """Bring the intent to its end and record it.

        Raises RetryableError for what may pass (call again: it goes on where it stopped) and PermanentError for what
        does not.
        """
        saved = await self._context.records.find(intent.id)
        if saved is not None and saved.record.ending != Ending.FAILED:
            return await self._go_on(saved, intent)
        # What AWS refused was not done: redriven by a person, it begins anew.
        expect = saved.version if saved is not None else ABSENT
        try:
            subject = await self._subject(intent)
            self._gate.check_used_up(self._asked(intent, subject))
            async with self._context.locks.hold(subject):
                return await self._begin(intent, subject, still_held, expect)
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

    async def _begin(
        self, intent: Intent, subject: Subject, still_held: Callable[[], Awaitable[bool]], expect: int
    ) -> Result:
        asked = self._asked(intent, subject)
        await self._gate.admit(asked)
        spent = await self._gate.spend(asked)
        kept = False
        try:
            plan = self._decide(subject, await self._look(subject))
            if isinstance(plan, Declined):
                return declined(subject, plan)
            self._gate.check_tags(plan.resource_tags)
            if len(msgspec.json.encode(plan)) > _LARGEST_PLAN_BYTES:
                raise Refused(Refusal.TOO_LARGE, f"a plan of over {_LARGEST_PLAN_BYTES} bytes")
            if self._config.mode is Mode.APPROVE and len(intent.event.body) > MOST_VALUE_BYTES:
                raise Refused(Refusal.TOO_LARGE, f"an event of over {MOST_VALUE_BYTES} bytes cannot wait for a person")
            kept = True
        finally:
            if not kept:
                await self._gate.give_back(spent)
        await self._gate.begin_cooldown(asked)
        if self._config.mode is Mode.SHADOW:
            return would_do(subject, plan)
        if not await still_held():
            raise RetryableError(FailureKind.STATE, "the claim was taken over")
        saved = await self._save(self._new_record(intent, subject, plan), expect)
        if self._config.mode is Mode.APPROVE:
            return await self._context.approvals.ask(saved, intent.event.body)
        return await self._act(saved, interrupted=False)

    def _asked(self, intent: Intent, subject: Subject) -> Asked:
        return Asked(intent.id, intent.rule.name, self.name, self._config.mode, subject)

    async def _look(self, subject: Subject) -> Image | None:
        return await self.action.look(subject, self._estate.reader(subject.account, subject.region))

    def _decide(self, subject: Subject, image: Image | None) -> Plan | Declined:
        return NOT_FOUND if image is None else self.action.decide(subject, image)

    def _new_record(self, intent: Intent, subject: Subject, plan: Plan) -> Record:
        waits = self._config.mode is Mode.APPROVE
        return Record(
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

    async def _go_on(self, saved: Saved, intent: Intent) -> Result:
        """Go on from a record: our own of a moment ago, or what a crash has left."""
        record = saved.record
        if record.progress is Progress.WAITING:
            return await self._context.approvals.ask(saved, intent.event.body)
        if record.progress in OVER:
            return recorded(record, Ending(record.ending))
        async with self._context.locks.hold(record.subject):
            return await self._act(saved, interrupted=True)

    async def act_on_approved(self, saved: Saved) -> Result:
        """Do what a person has approved, if nobody holds it by now, and the live state still is what the person saw."""
        record = saved.record
        if record.progress is Progress.PLANNED:
            try:
                await self._gate.check_holds(
                    Asked(record.intent, record.rule, record.action, record.mode, record.subject)
                )
            except Refused as refused:
                return await self._end(saved, Ending.REFUSED, refused.reason, refused.detail)
        async with self._context.locks.hold(record.subject):
            if record.progress is Progress.PLANNED and await self._look(record.subject) != record.plan.before:
                return await self._end(saved, Ending.DECLINED, Decline.CHANGED, "no longer as it was when approved")
            return await self._act(saved, interrupted=record.progress is not Progress.PLANNED)

    async def _act(self, saved: Saved, *, interrupted: bool) -> Result:
        """Apply, verify, record the end."""
        record = saved.record
        if interrupted and record.progress is Progress.APPLYING:
            if self.action.redo is Redo.NEVER:
                detail = "cut off while the change was being made; look at it before doing it again"
                return await self._end(saved, Ending.UNCERTAIN, "interrupted", detail)
            if self.action.redo is Redo.LOOK:
                image = await self._look(record.subject)
                if record.mode is Mode.APPROVE and not between(image, record.before, record.plan.after):
                    detail = "cut off, and changed by somebody else since; look at it before doing it again"
                    return await self._end(saved, Ending.UNCERTAIN, Decline.CHANGED, detail)
                plan = self._decide(record.subject, image)
                if isinstance(plan, Declined):
                    return await self._verify(await self._advance(saved, Progress.APPLIED))
                record = msgspec.structs.replace(record, plan=plan)
                saved = Saved(record, saved.version)
        if record.progress in (Progress.PLANNED, Progress.APPLYING):
            first = record.progress is Progress.PLANNED
            await write_begun(self._context, record)
            saved = await self._apply(await self._advance(saved, Progress.APPLYING), first=first)
        return await self._verify(saved)

    async def _apply(self, saved: Saved, *, first: bool) -> Saved:
        record = saved.record
        requests = list(record.requests)

        async def note(call: Call) -> None:
            requests.append(f"{call.service}:{call.operation}:{call.request_id}")
            await self._context.loops.note(call, record.intent)

        writer: Writer = self._estate.writer(record.subject.account, record.subject.region, note)
        try:
            applied = await self.action.apply(record.subject, record.plan, record.intent, writer)
        except StateError:
            raise
        except EffectError as error:
            if isinstance(error, RetryableError):
                # An attempt before this one may have changed something, whatever became of this one.
                untouched = first and error.kind in _SURELY_NOT_DONE and not requests
                noted = Saved(msgspec.structs.replace(record, requests=tuple(requests)), saved.version)
                await self._advance(noted, Progress.PLANNED if untouched else Progress.APPLYING)
                raise
            await self._end(saved, Ending.FAILED, error.kind, error.detail, tuple(requests))
            raise
        advanced = msgspec.structs.replace(record, applied=applied, requests=tuple(requests))
        suspended = await self._context.loops.touched(record.rule, record.subject, self._config.touches_per_hour)
        if suspended is not None:
            self._context.telemetry.emit(RuleSuspended(record.rule, suspended.why))
            await write_hold(self._context, suspended)
            # Whoever is told how this action ends is told so, too.
            advanced = msgspec.structs.replace(
                advanced, detail=f"rule {record.rule} is suspended until a person resumes it: {suspended.why}"
            )
        return await self._advance(Saved(advanced, saved.version), Progress.APPLIED)

    async def _verify(self, saved: Saved) -> Result:
        """Look until it shows or verify_seconds are over."""
        record = saved.record
        deadline = self._clock.monotonic() + self._config.verify_seconds
        looks = 0
        reader = self._estate.reader(record.subject.account, record.subject.region)
        while True:
            verdict = await self.action.verify(record.subject, record.plan, record.applied, reader)
            if verdict is Verdict.SETTLED:
                return await self._end(saved, Ending.DONE)
            if verdict is Verdict.FAILED or self._clock.monotonic() >= deadline:
                return await self._end(saved, Ending.UNVERIFIED, str(verdict), "the change does not show")
            await self._clock.sleep(_LOOK_AGAIN_SECONDS[min(looks, len(_LOOK_AGAIN_SECONDS) - 1)])
            looks += 1

    async def _end(
        self, saved: Saved, ending: Ending, reason: str = "", detail: str = "", requests: tuple[str, ...] | None = None
    ) -> Result:
        record = msgspec.structs.replace(
            saved.record,
            progress=Progress.ENDED,
            ending=ending,
            reason=reason,
            detail="; ".join(filter(None, (detail, saved.record.detail))),
            requests=saved.record.requests if requests is None else requests,
        )
        if ending is Ending.DONE and self._config.undo_after_seconds is not None and self.action.undoable:
            await self._context.expiries.add(record.intent, self._config.undo_after_seconds)
        await self._save(record, saved.version)
        return recorded(record, Ending(record.ending))

    async def _advance(self, saved: Saved, progress: Progress) -> Saved:
        return await self._save(msgspec.structs.replace(saved.record, progress=progress), saved.version)

    async def _save(self, record: Record, expect: int) -> Saved:
        saved = await self._context.records.save(record, expect, self._clock.now())
        if saved is None:
            raise RetryableError(FailureKind.STATE, "another process is at this action")
        return saved
