"""How an action on an intent ended, and the event that tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec
import orjson

from daemon.actions.base import Change, Decline, Declined, Plan
from daemon.actions.config import Mode
from daemon.actions.subject import Subject
from daemon.clock import rfc3339
from daemon.dispatch.remediation.record import Record
from daemon.errors import EffectError
from daemon.event import Event

SOURCE = "vigild"
"""`source` of the events that tell of actions; rules can match them."""
DETAIL_TYPE = "Vigild Action"
_IDENTITY = "vigild:"
"""Of our own events; no source gives an event such a one (dedupe/identity.py)."""


class Ending(StrEnum):
    """How it ended: the closed list behind the metric label `ending` and the journal's `step`."""

    DONE = "done"
    DECLINED = "declined"  # nothing was to be done; `reason` is a Decline
    WOULD_DO = "would_do"  # shadow
    WAITING = "waiting"  # for a person; it goes on from there
    REFUSED = "refused"  # by policy; `reason` is a Refusal
    UNCERTAIN = "uncertain"  # cut off, and not to be repeated without a person
    UNVERIFIED = "unverified"  # done, but it does not show
    FAILED = "failed"  # parked
    LAPSED = "lapsed"  # nobody approved in time
    DENIED = "denied"  # a person said no
    UNDONE = "undone"  # done before, and no longer
    NOT_UNDONE = "not_undone"  # done, and still there after its time


_SAID: dict[str, str] = {
    Ending.DONE: "has acted",
    Ending.DECLINED: "had nothing to do",
    Ending.WOULD_DO: "would act, and is in shadow",
    Ending.WAITING: "waits for approval",
    Ending.REFUSED: "was refused by policy",
    Ending.UNCERTAIN: "was cut off: look what came of it",
    Ending.UNVERIFIED: "has acted, but it does not show",
    Ending.FAILED: "failed",
    Ending.LAPSED: "was not approved in time",
    Ending.DENIED: "was denied",
    Ending.UNDONE: "was undone",
    Ending.NOT_UNDONE: "could not be undone after its time",
}


class Refusal(StrEnum):
    """Why policy refused: the closed list behind the metric label `reason`."""

    SUBJECT = "subject"  # the event does not say what to act on, or says what cannot be
    OUTSIDE = "outside"  # of the allowed accounts and regions
    OWN_EVENT = "own_event"  # our own call caused it
    EXEMPT = "exempt"
    HELD = "held"  # a person holds actions, or the rule is suspended
    BUDGET = "budget"
    COOLDOWN = "cooldown"
    ALTERED = "altered"  # what was approved is not what is there
    TOO_LARGE = "too_large"  # the plan does not fit the state store


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one intent."""

    ending: Ending
    reason: str = ""
    detail: str = ""
    summary: str = ""
    account: str = ""
    region: str = ""
    resources: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    requests: tuple[str, ...] = ()
    plan_number: int = 1
    """See Record: what is redriven is told anew."""
    approve_by: float | None = None
    """Deadline of an approval, seconds since the epoch."""
    approve_url: str | None = None
    by: str = ""


NOT_FOUND = Declined(Decline.NOT_FOUND, "the resource is not there")


def declined(subject: Subject, answer: Declined) -> Result:
    """Return the result where nothing is to be done."""
    return _on(subject, ending=Ending.DECLINED, reason=answer.reason, detail=answer.detail)


def would_do(subject: Subject, plan: Plan) -> Result:
    """Return what shadow says."""
    return _on(subject, ending=Ending.WOULD_DO, summary=plan.summary, changes=plan.changes)


def recorded(record: Record, ending: Ending) -> Result:
    """Return the result that a record tells of."""
    return _on(
        record.subject,
        ending=ending,
        reason=record.reason,
        detail=record.detail,
        summary=record.plan.summary,
        changes=record.plan.changes,
        requests=record.requests,
        plan_number=record.plan_number,
        by=record.by,
    )


def _on(subject: Subject, **known: Any) -> Result:
    return Result(account=subject.account, region=subject.region, resources=subject.resources, **known)


def not_undone(record: Record, error: EffectError) -> Result:
    """Return the result where what was done could not be undone after its time."""
    result = recorded(record, Ending.NOT_UNDONE)
    return msgspec.structs.replace(result, reason=error.kind, detail=error.detail)


def undone(record: Record) -> Result:
    """Return the result where the state before is back."""
    changes = tuple(Change(each.resource, each.field, each.after, each.before) for each in record.plan.changes)
    result = recorded(record, Ending.UNDONE)
    return msgspec.structs.replace(result, reason="", detail="", changes=changes, by=record.undone_by)


def difference(changes: Sequence[Change]) -> Iterator[str]:
    """Yield the changes as lines: "- " what is now, "+ " what will be."""
    for change in changes:
        name = f"{change.resource} {change.field}"
        if change.before is not None:
            yield f"- {name}: {_text(change.before)}"
        if change.after is not None:
            yield f"+ {name}: {_text(change.after)}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Whose result it is: the intent, as far as it is told and recorded."""

    intent: str
    rule: str
    action: str
    kind: str
    mode: Mode
    event: str
    """Identity of the event that asked."""
    hops: int = 0
    """Of that event."""


def ending_of(event: Event) -> Ending | None:
    """Return how the action ended that the event tells of; None where it tells of none."""
    ending = event.identity.rpartition(":")[2]
    return Ending(ending) if event.identity.startswith(_IDENTITY) and ending in _SAID else None


def asks_a_person(event: Event) -> bool:
    """Return whether the event tells of a plan that waits for approval."""
    return ending_of(event) is Ending.WAITING


def described(event: Event, description: str) -> str:
    """Return what a result says in a headline: what became of the action, then what its rule says of itself."""
    detail = event.document()["detail"]
    why = ", ".join(detail[name] for name in ("reason", "message", "summary") if name in detail)
    said = f"{detail['action']} {_SAID[detail['ending']]}{f': {why}' if why else ''}"
    return f"{said} ({description})" if description else said


def result_event(asker: Asker, result: Result, now: float) -> Event:
    """Return the EventBridge-shaped event that tells of a result.

    Its identity is the intent's, the plan's and the ending: told again after a crash, it is the same event.
    """
    time = rfc3339(now)
    name = asker.intent if result.plan_number == 1 else f"{asker.intent}.{result.plan_number}"
    detail = {
        "intent": asker.intent,
        "rule": asker.rule,
        "action": asker.action,
        "type": asker.kind,
        "mode": asker.mode,
        "ending": result.ending,
        "reason": result.reason,
        "message": result.detail,
        "summary": result.summary,
        "changes": [msgspec.to_builtins(change) for change in result.changes],
        "approve-by": result.approve_by,
        "approve-url": result.approve_url,
        "by": result.by,
        "event": asker.event,
    }
    body = {
        "version": "0",
        "id": f"{name}-{result.ending}",
        "detail-type": DETAIL_TYPE,
        "source": SOURCE,
        "account": result.account,
        "time": time,
        "region": result.region,
        "resources": list(result.resources),
        "detail": {name: value for name, value in detail.items() if value not in (None, "", [])},
    }
    return Event(f"{_IDENTITY}{name}:{result.ending}", orjson.dumps(body), time, asker.hops + 1)
