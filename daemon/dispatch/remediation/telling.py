"""Tells of results: into the journal first, then, as an event of our own, to targets and rules.

target.py and due.py tell every result; both halves may be repeated after a crash, and tell it once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.holds import Hold
from daemon.dispatch.remediation.record import Record
from daemon.dispatch.remediation.result import Asker, Ending, Result, result_event
from daemon.errors import EffectError, FailureKind, PermanentError, VigildError
from daemon.journal import Entry
from daemon.retry import Attempts, RetryPolicy, retrying
from daemon.telemetry.actions import ActionEnded
from daemon.telemetry.signals import AttemptFailed

PROCESS = f"vigild@{socket.gethostname()}:{os.getpid()}"


_TELLING = RetryPolicy(base_seconds=0.1, cap_seconds=5.0, max_age_seconds=None, max_attempts=None)
"""What has been done is told, however long the state store is away."""


async def tell(context: RemediationContext, asker: Asker, result: Result, notify: tuple[str, ...] | None) -> None:
    """Journal a result and announce it; a journal that is broken keeps nobody from being told."""

    async def write() -> None:
        await context.journal.append(_entry(asker, result, context.clock.now()))
        context.telemetry.emit(ActionEnded(asker.action, asker.rule, asker.intent, result.ending, result.reason))

    async def announce() -> None:
        await context.announce(result_event(asker, result, context.clock.now()), notify or (), asker.rule)

    await _surely(context, asker, write)
    await _surely(context, asker, announce)


async def _surely(context: RemediationContext, asker: Asker, call: Callable[[], Awaitable[None]]) -> None:
    """Repeat while the state store is away; what fails for good is a line in the log and a count."""

    def failed(error: EffectError, attempt: int, wait: float | None) -> None:
        context.telemetry.emit(AttemptFailed(asker.action, asker.intent, error.kind, error.detail, attempt, wait))

    async def attempt() -> None:
        try:
            await call()
        except VigildError:
            raise
        except Exception as error:
            raise PermanentError(FailureKind.BUG, f"{type(error).__name__} in telling") from error

    attempts = Attempts()
    try:
        await retrying(attempt, _TELLING, context.clock, context.rng, attempts=attempts, on_failure=failed)
    except EffectError as error:
        failed(error, attempts.made, None)


async def write_begun(context: RemediationContext, record: Record) -> None:
    """Journal what is about to be done, before it is."""
    plan = record.plan
    await _write(context, record, step="begun", before=plan.before, after=plan.after, by=record.by or PROCESS)


async def write_undone(context: RemediationContext, record: Record, requests: tuple[str, ...], by: str) -> None:
    """Journal that the state before is back."""
    plan = record.plan
    await _write(context, record, step="undone", before=plan.after, after=record.before, requests=requests, by=by)


async def _write(context: RemediationContext, record: Record, **known: Any) -> None:
    """Journal a step of a record, once."""
    subject = record.subject
    entry = Entry(
        at=context.clock.now(),
        summary=record.plan.summary,
        plan_number=record.plan_number,
        account=subject.account,
        region=subject.region,
        resources=subject.resources,
        **_names(asker_of(record)),
        **known,
    )
    await context.journal.append(entry)


async def write_hold(context: RemediationContext, hold: Hold) -> None:
    """Journal a hold that was put in force."""
    entry = Entry(
        at=hold.since, step="held", intent="", rule=hold.rule, action=hold.action, detail=hold.why, by=hold.by
    )
    await context.journal.append(entry)


def asker_of(record: Record) -> Asker:
    """Return whose record it is."""
    return Asker(
        intent=record.intent,
        rule=record.rule,
        action=record.action,
        kind=record.kind,
        mode=record.mode,
        event=record.event,
        hops=record.hops,
    )


def _entry(asker: Asker, result: Result, now: float) -> Entry:
    changed = result.ending in (Ending.DONE, Ending.WOULD_DO, Ending.WAITING, Ending.UNVERIFIED)
    return Entry(
        at=now,
        step=result.ending,
        account=result.account,
        region=result.region,
        resources=result.resources,
        reason=result.reason,
        detail=result.detail,
        summary=result.summary,
        plan_number=result.plan_number,
        before={f"{change.resource} {change.field}": change.before for change in result.changes} if changed else None,
        after={f"{change.resource} {change.field}": change.after for change in result.changes} if changed else None,
        requests=result.requests,
        by=result.by or PROCESS,
        **_names(asker),
    )


def _names(asker: Asker) -> dict[str, Any]:
    return {
        "intent": asker.intent,
        "rule": asker.rule,
        "action": asker.action,
        "kind": asker.kind,
        "mode": asker.mode,
        "event": asker.event,
    }
