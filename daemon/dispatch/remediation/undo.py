"""Undo: from the before-image back, where the state still is what the action left.

`vigild undo` and expired.py call it; undone.py tells of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from daemon.actions.base import Image
from daemon.clients.estate import Call, Estate
from daemon.dispatch.remediation.between import between
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.performing import save
from daemon.dispatch.remediation.record import Progress, Record, Saved
from daemon.dispatch.remediation.result import Ending
from daemon.dispatch.remediation.telling import write_undone
from daemon.errors import VigildError

_LOOKS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)
"""Seconds between looks after a revert, until the before-image shows."""
_DONE = frozenset({Ending.DONE, Ending.UNVERIFIED})
"""All changes were made; after other endings, some may have been."""


class UndoError(VigildError):
    """Raised where an action cannot be undone, with the reason."""


class UnknownActionError(UndoError):
    """Raised where there is none under this id."""


class NothingToUndoError(UndoError):
    """Raised where the state is as it was before."""


async def undo(intent: str, kernels: Mapping[str, Kernel], estate: Estate, context: RemediationContext, by: str) -> str:
    """Undo what was done on an intent, or go on where a crash or a failure has cut that off; return what was undone.

    Raises UndoError, StateError, and EffectError where AWS cannot be reached or refuses.
    """
    saved = await _find(intent, context)
    async with context.locks.hold(saved.record.subject) as lock:
        saved = await _find(intent, context)
        kernel = _undoable(saved, kernels)
        reader = estate.reader(saved.record.subject.account, saved.record.subject.region)
        image = await kernel.action.look(saved.record.subject, reader)
        _check_ours(saved.record, image)
        undoing = msgspec.structs.replace(saved.record, progress=Progress.UNDOING, undone_by=by)
        saved = await save(context, undoing, saved.version)
        await lock.affirm()
        requests = await _revert(saved.record, image, kernel, estate, context) if image != saved.record.before else ()
        await write_undone(context, saved.record, requests, by)
        await context.undone.add(intent)
        await save(context, msgspec.structs.replace(saved.record, progress=Progress.UNDONE), saved.version)
    return saved.record.plan.summary


async def _find(intent: str, context: RemediationContext) -> Saved:
    saved = await context.records.find(intent)
    if saved is None:
        raise UnknownActionError(f"{intent}: no action is known under this id")
    return saved


def _check_ours(record: Record, image: Image | None) -> None:
    """Pass a state that the action, or what was cut off of it or of an undo, has left.  Raises UndoError."""
    undoing = record.progress is Progress.UNDOING
    if image == record.before and not undoing:
        raise NothingToUndoError(f"{record.intent}: the state is already as it was before")
    if undoing or record.ending not in _DONE:
        ours = image is not None and between(image, record.before, record.plan.after)
    else:
        ours = image == record.plan.after
    if not ours:
        left = "undoing it" if undoing else "the action"
        raise UndoError(f"{record.intent}: the state is no longer what {left} left; undo it by hand")


async def _revert(
    record: Record, image: Image | None, kernel: Kernel, estate: Estate, context: RemediationContext
) -> tuple[str, ...]:
    """Bring the image before back from what is there, and look until it shows; return the requests."""
    requests: list[str] = []

    async def note(call: Call) -> None:
        requests.append(f"{call.service}:{call.operation}:{call.request_id}")
        await context.loops.note(call, record.intent)

    writer = estate.writer(record.subject.account, record.subject.region, note)
    plan = msgspec.structs.replace(record.plan, before=record.before, after=image or {})
    await kernel.action.revert(record.subject, plan, record.applied, writer)
    for wait in _LOOKS:
        await context.clock.sleep(wait)
        if await kernel.action.look(record.subject, writer) == record.before:
            return tuple(requests)
    raise UndoError(f"{record.intent}: reverted, but the state before does not show")


def _undoable(saved: Saved, kernels: Mapping[str, Kernel]) -> Kernel:
    record = saved.record
    kernel = kernels.get(record.action)
    if kernel is None:
        raise UndoError(f"{record.intent}: the action {record.action!r} is no longer configured")
    if not kernel.action.undoable:
        raise UndoError(f"{record.intent}: {record.kind} has no inverse")
    if record.progress is Progress.UNDONE:
        raise NothingToUndoError(f"{record.intent}: undone already")
    done = record.progress is Progress.ENDED and (record.ending in _DONE or record.touched)
    if not done and record.progress is not Progress.UNDOING:
        raise UndoError(f"{record.intent}: nothing was done ({record.ending or record.progress})")
    return kernel
