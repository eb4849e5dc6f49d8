"""Undo: from the before-image back, where the state still is what the action left.  `vigild undo` calls it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from daemon.clients.estate import Call, Estate
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.record import Progress, Saved
from daemon.dispatch.remediation.result import Ending
from daemon.dispatch.remediation.telling import asker_of
from daemon.errors import VigildError
from daemon.journal import Entry

_LOOKS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)
"""Seconds between looks after a revert, until the before-image shows."""


class UndoError(VigildError):
    """Raised where an action cannot be undone, with the reason."""


async def undo(intent: str, kernels: Mapping[str, Kernel], estate: Estate, context: RemediationContext, by: str) -> str:
    """Undo what was done on an intent; return the sentence that says what was.

    Raises UndoError, StateError, and EffectError where AWS cannot be reached or refuses.
    """
    saved = await context.records.find(intent)
    if saved is None:
        raise UndoError(f"{intent}: no action is known under this id")
    record = saved.record
    kernel = _undoable(saved, kernels)
    async with context.locks.hold(record.subject):
        reader = estate.reader(record.subject.account, record.subject.region)
        image = await kernel.action.look(record.subject, reader)
        if image == record.before:
            raise UndoError(f"{intent}: the state is already as it was before")
        if image != record.plan.after:
            raise UndoError(f"{intent}: the state is no longer what the action left; undo it by hand")
        requests: list[str] = []

        async def note(call: Call) -> None:
            requests.append(f"{call.service}:{call.operation}:{call.request_id}")
            await context.loops.note(call, intent)

        writer = estate.writer(record.subject.account, record.subject.region, note)
        plan = msgspec.structs.replace(record.plan, before=record.before)
        await kernel.action.revert(record.subject, plan, record.applied, writer)
        for wait in _LOOKS:
            await context.clock.sleep(wait)
            if await kernel.action.look(record.subject, reader) == record.before:
                break
        else:
            raise UndoError(f"{intent}: reverted, but the state before does not show")
    await context.records.save(
        msgspec.structs.replace(record, progress=Progress.UNDONE), saved.version, context.clock.now()
    )
    await context.journal.append(_entry(saved, tuple(requests), by, context.clock.now()))
    return record.plan.summary


def _undoable(saved: Saved, kernels: Mapping[str, Kernel]) -> Kernel:
    record = saved.record
    kernel = kernels.get(record.action)
    if kernel is None:
        raise UndoError(f"{record.intent}: the action {record.action!r} is no longer configured")
    if not kernel.action.undoable:
        raise UndoError(f"{record.intent}: {record.kind} has no inverse")
    if record.progress is Progress.UNDONE:
        raise UndoError(f"{record.intent}: undone already")
    if record.progress is not Progress.ENDED or record.ending not in (Ending.DONE, Ending.UNVERIFIED):
        raise UndoError(f"{record.intent}: nothing was done ({record.ending or record.progress})")
    return kernel


def _entry(saved: Saved, requests: tuple[str, ...], by: str, now: float) -> Entry:
    record, asker = saved.record, asker_of(saved.record)
    return Entry(
        at=now,
        step="undone",
        intent=asker.intent,
        rule=asker.rule,
        action=asker.action,
        kind=asker.kind,
        mode=asker.mode,
        event=asker.event,
        account=record.subject.account,
        region=record.subject.region,
        resources=record.subject.resources,
        summary=record.plan.summary,
        before=record.plan.after,
        after=record.before,
        requests=requests,
        by=by,
    )
