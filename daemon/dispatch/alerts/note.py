"""What a group's note says: the event that stands for its alerts, with one more field, and the headline above it.

A note goes through the same sinks, transformers and dead letters as any alert.  Its event is the first of the highest
severity, whole unless it is large, with the field `vigild-group`:

    {"id": "<the group's>", "state": "opened|again|closed|silence|maintenance", "sequence": 2,
     "by": {"rule": "ssh-opened", "account": "111122223333"}, "held-by": "<silence or window>",
     "count": 37, "total": 41, "resources": 12, "named-resources": [...], "rules": {"ssh-opened": 37},
     "first": "2026-01-02T10:05:00Z", "last": "...", "severity": "high", "summary": "37 more since ...",
     "examples": [{"event": "<identity>", "time": "...", "rule": "...", "resource": "..."}]}

A transformer's paths find the event's fields where they always are, and `$.vigild-group.count` beside them.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from daemon.clock import rfc3339
from daemon.dispatch.alerts.facts import Alert
from daemon.dispatch.alerts.group import MOST_MARKS, Group, Member, Note, Tally
from daemon.dispatch.notices import Headline
from daemon.event import Event
from daemon.sinks.base import Incident, Severity
from daemon.telemetry.names import NoteState

_PREFIX = "vigild:group:"
"""Of a note's event identity; no source gives an event such a one (dedupe/identity.py)."""
_FIELD = "vigild-group"
_MOST_BODY_BYTES = 32_768
_MOST_RESOURCES = 20


class _Head(msgspec.Struct):
    id: str = ""
    state: str = ""
    severity: Severity = Severity.MEDIUM
    summary: str = ""


_HEAD = msgspec.json.Decoder(_Head)
_MARK = b'"' + _FIELD.encode() + b'":'
"""Begins the field.  Its last occurrence is ours: it is the last field, and in its own texts the quotes are escaped."""


def member_of(intent: str, alert: Alert, resource: str, description: str) -> Member:
    """Return an alert as a group keeps it."""
    event = alert.event
    place = f"{alert.account}\x00{alert.region}\x00{resource}"
    return Member(
        intent=bytes.fromhex(intent),
        mark=_mark(f"{alert.rule}\x00{place}"),
        about=_mark(place) if resource else b"",
        rule=alert.rule,
        severity=alert.severity,
        description=description,
        resource=resource,
        # An identity may hold halves of surrogate pairs, which no store takes.
        identity=event.identity.encode("utf-8", "replace").decode()[:256],
        time=event.time[:64],
        body=event.body if len(event.body) <= _MOST_BODY_BYTES else _slim(event.body, alert),
    )


def note_of(group: Group, state: NoteState) -> Note:
    """Return the group's next note: what is pending, or that nothing came any more."""
    tally, sequence = group.pending, group.sequence + 1
    leading = tally.leading if tally else group.leading
    if leading is None:
        raise ValueError("a group without members has no note")
    severity = Severity.INFO if group.key.is_held_back else leading.severity
    summary = _summary(group, state)
    description = f"{summary}: {leading.description}" if summary else leading.description
    field = {
        "id": group.incarnation,
        "state": state,
        "sequence": sequence,
        "by": dict(group.key.by),
        "held-by": group.key.held_by,
        "count": tally.count if tally else 0,
        "total": group.total,
        "resources": len(tally.resources) if tally else 0,
        "named-resources": tally.named if tally else [],
        "rules": tally.rules if tally else {},
        "first": rfc3339(tally.first if tally else group.opened_at),
        "last": rfc3339(group.last_at),
        "severity": severity,
        "summary": description,
        "examples": [msgspec.to_builtins(example) for example in tally.examples] if tally else [],
    }
    return Note(
        sequence=sequence,
        state=state,
        count=tally.count if tally else 0,
        is_repeat=state is NoteState.AGAIN and tally is not None and not tally.is_new,
        rule=leading.rule,
        severity=severity,
        description=description,
        identity=f"{_PREFIX}{group.incarnation}:{sequence}",
        time=leading.time,
        body=_with_field(leading.body, field),
    )


def is_note(event: Event) -> bool:
    """Return whether the event is that of a note."""
    return event.identity.startswith(_PREFIX)


def headline_of(event: Event, rule: str) -> Headline:
    """Return the headline of a note's event: also when it comes back as a dead letter."""
    noted = _noted(event)
    return Headline(rule, noted.severity, noted.summary)


def incident_of_note(event: Event) -> Incident | None:
    """Return the incident that a note opens, prolongs or ends; None where the event is no note."""
    if not is_note(event):
        return None
    noted = _noted(event)
    return Incident(f"vigild/{noted.id}", noted.state == NoteState.CLOSED)


def _noted(event: Event) -> _Head:
    """Return our field, whatever the event before it holds: bytes where no rule looks may be no JSON at all."""
    return _HEAD.decode(event.body.rpartition(_MARK)[2][:-1])


def _summary(group: Group, state: NoteState) -> str:
    tally, began = group.pending, _clock(group.opened_at, group.last_at)
    count = tally.count if tally else 0
    if state is NoteState.OPENED:
        return f"{count} alerts{_resources(tally)} since {began}" if count > 1 else ""
    if state is NoteState.AGAIN and tally is not None:
        first = _clock(tally.first, group.last_at)
        return f"{count} more since {first}{_resources(tally)} ({group.total} in all)"
    if state is NoteState.CLOSED:
        more = f"{count} more, " if count else ""
        return f"Closed, quiet since {_clock(group.last_at, group.last_at)}: {more}{group.total} in all since {began}"
    held = f"{group.key.state} {group.key.held_by}".capitalize()
    return f"{held} is over; it held back {count} alerts{_resources(tally)} since {began} ({group.key.why})"


def _resources(tally: Tally | None) -> str:
    number = len(tally.resources) if tally else 0
    if not number:
        return ""
    return f" on {number}{' or more' if number >= MOST_MARKS else ''} resource{'s' if number > 1 else ''}"


def _clock(at: float, today: float) -> str:
    """Return a time of day, with its date where that is not today's."""
    moment, now = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(today, UTC)
    return f"{moment:%H:%MZ}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%MZ}"


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()


def _slim(body: bytes, alert: Alert) -> bytes:
    """Return what is kept of a large event: all but its detail."""
    return orjson.dumps(
        {
            "source": alert.source,
            "detail-type": alert.detail_type,
            "account": alert.account,
            "region": alert.region,
            "time": alert.event.time[:64],
            "resources": alert.resources[:_MOST_RESOURCES],
            "detail": {"vigild-omitted-bytes": len(body)},
        }
    )


def _with_field(body: bytes, field: dict[str, Any]) -> bytes:
    """Return the event with the field behind its own: of two fields of one name the last counts, and that is ours."""
    members = body.strip()[1:-1].strip()
    return b"{" + members + (b"," if members else b"") + _MARK + orjson.dumps(field) + b"}"
