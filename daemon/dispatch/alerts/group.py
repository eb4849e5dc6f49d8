"""A group of alerts and how it changes: pure, time is passed in.  groups.py keeps it, keeper.py tells of it.

A group waits for its first note, then tells what is new after an interval and counts what is not at intervals that
double; quiet for long enough, it closes.  What a silence or a maintenance window holds back is a group, too: told once,
when that is over.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec

from daemon.sinks.base import Severity
from daemon.sinks.grouping import ClosingNote, GroupConfig
from daemon.telemetry.names import NoteState

MOST_MARKS = 1_000
"""How many different alerts a group, and how many resources a tally, tells apart: 8 bytes each."""
_MOST_EXAMPLES = 5
_MOST_RULES = 20
_MOST_UNCONFIRMED = 5_000
"""16 bytes each.  Beyond it, a crash may have an alert counted twice."""
_OTHERS = "(others)"
_SEVERITIES = tuple(Severity)


class Key(msgspec.Struct, frozen=True):
    """Which group: of this target, with these values; or what is held back from it, and by what."""

    target: str
    by: tuple[tuple[str, str], ...] = ()
    held_by: str = ""
    """Id of the silence, or name of the window, that holds these alerts back."""
    state: NoteState = NoteState.OPENED
    """SILENCE or MAINTENANCE where something holds them back."""
    until: float | None = None
    """When that is over, as far as known: seconds since the epoch."""
    why: str = ""
    """Who holds them back, and why."""

    @property
    def is_held_back(self) -> bool:
        """Whether these alerts are held back rather than gathered."""
        return self.until is not None


class Member(msgspec.Struct, frozen=True):
    """One alert that joins a group."""

    intent: bytes
    mark: bytes
    """The same for alerts that differ in nothing people look at: rule, account, region, resource."""
    about: bytes
    """The same for alerts about one resource; empty where the event names none."""
    rule: str
    severity: Severity
    description: str
    resource: str
    identity: str
    time: str
    body: bytes
    """The event, cut to what a group keeps (note.py)."""


class Example(msgspec.Struct, frozen=True):
    """What a note says of one of its alerts."""

    event: str
    time: str
    rule: str
    resource: str


class Tally(msgspec.Struct, frozen=True):
    """Alerts that nothing has been told of yet."""

    count: int
    first: float
    last: float
    leading: Member
    """The first one of the highest severity: its event stands for all."""
    is_new: bool
    """Whether one is among them that differs from all that were told."""
    rules: dict[str, int]
    resources: set[bytes]
    """`about` of its members."""
    named: list[str]
    """The first few resources."""
    examples: list[Example]


class Note(msgspec.Struct, frozen=True):
    """What is told of a group, frozen before it is sent: a copy of it is the same byte for byte."""

    sequence: int
    state: NoteState
    count: int
    is_repeat: bool
    """Whether it only counts more of the same."""
    rule: str
    severity: Severity
    description: str
    identity: str
    time: str
    body: bytes


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What the state store keeps."""

    key: Key
    incarnation: str
    """Tells this group from one of the same key before it."""
    opened_at: float
    last_at: float
    sequence: int = 0
    """Notes so far."""
    told: int = 0
    """Alerts in them."""
    told_at: float = 0.0
    repeats: int = 0
    """Notes that only counted."""
    seen: set[bytes]
    """Marks of what is in it."""
    leading: Member | None = None
    """Of the newest note."""
    pending: Tally | None = None
    outbox: Note | None = None
    """On its way: nothing else is told before it is."""
    unconfirmed: list[bytes]
    """Intents that are counted here, and may not be known as final yet: a crash must not have them counted twice."""

    @property
    def total(self) -> int:
        """Return how many alerts it is of."""
        return self.told + (self.pending.count if self.pending else 0)


def joined(group: Group | None, key: Key, members: Sequence[Member], confirmed: frozenset[bytes], now: float) -> Group:
    """Return the group with these members; `confirmed` are intents that are known as final by now."""
    if group is None:
        group = Group(key=key, incarnation=secrets.token_hex(8), opened_at=now, last_at=now, seen=set(), unconfirmed=[])
    counted = set(group.unconfirmed)
    fresh = [member for member in members if member.intent not in counted]
    unconfirmed = [intent for intent in group.unconfirmed if intent not in confirmed]
    unconfirmed = [*unconfirmed, *(member.intent for member in fresh)][-_MOST_UNCONFIRMED:]
    if not fresh:
        return msgspec.structs.replace(group, unconfirmed=unconfirmed)
    marks = {member.mark for member in fresh}
    is_new = bool(marks - group.seen) and len(group.seen) < MOST_MARKS
    return msgspec.structs.replace(
        group,
        last_at=now,
        unconfirmed=unconfirmed,
        seen=_bounded(group.seen, marks),
        pending=_counted(group.pending, fresh, is_new=is_new, now=now),
    )


def due_at(group: Group, config: GroupConfig) -> float:
    """Return when something is to be done about the group."""
    if group.outbox is not None:
        return 0.0
    if group.key.until is not None:
        return group.key.until
    if group.sequence == 0:
        return group.opened_at + config.wait_seconds
    quiet_at, pending = group.last_at + config.close_after_seconds, group.pending
    if pending is None:
        return quiet_at
    if pending.is_new:
        wait = config.interval_seconds
    else:
        wait = min(config.repeat_seconds * 2.0 ** min(group.repeats, 40), config.longest_repeat_seconds)
    return min(max(group.told_at + wait, pending.first + config.wait_seconds), quiet_at)


def state_at(group: Group, config: GroupConfig, now: float) -> NoteState:
    """Return what kind of note a group that is due gives."""
    if group.key.is_held_back:
        return group.key.state
    if group.sequence == 0:
        return NoteState.OPENED
    return NoteState.CLOSED if now >= group.last_at + config.close_after_seconds else NoteState.AGAIN


def is_worth_closing(group: Group, config: GroupConfig) -> bool:
    """Return whether a group that closes says so; what it has not told yet is told in any case."""
    if group.pending is not None or config.closing_note is ClosingNote.ALWAYS:
        return True
    return config.closing_note is ClosingNote.SEVERAL and group.total > 1


def frozen(group: Group, note: Note) -> Group:
    """Return the group with the note on its way; alerts that come meanwhile wait for the next one."""
    leading = group.pending.leading if group.pending else group.leading
    return msgspec.structs.replace(group, outbox=note, pending=None, leading=leading)


def told(group: Group, now: float) -> Group | None:
    """Return the group after its note came to its end; None where that was its last, and nothing came since."""
    note = group.outbox
    if note is None:
        return group
    if note.state not in (NoteState.OPENED, NoteState.AGAIN) and group.pending is None:
        return None
    group = msgspec.structs.replace(
        group,
        outbox=None,
        sequence=note.sequence,
        told=group.told + note.count,
        told_at=now,
        repeats=group.repeats + note.is_repeat,
    )
    if note.state is NoteState.CLOSED:
        # It closed, and more came while that was told: the next group of this key.
        pending = group.pending
        group = msgspec.structs.replace(
            group,
            incarnation=secrets.token_hex(8),
            opened_at=pending.first if pending else now,
            sequence=0,
            told=0,
            repeats=0,
            seen=set(),
        )
    return group


def severity_rank(severity: Severity) -> int:
    """Return a number that is higher the more a severity matters."""
    return _SEVERITIES.index(severity)


def _counted(tally: Tally | None, members: Sequence[Member], *, is_new: bool, now: float) -> Tally:
    leading = max(members, key=lambda member: severity_rank(member.severity))
    if tally is not None and severity_rank(tally.leading.severity) >= severity_rank(leading.severity):
        leading = tally.leading
    rules = dict(tally.rules) if tally else {}
    for member in members:
        name = member.rule if member.rule in rules or len(rules) < _MOST_RULES else _OTHERS
        rules[name] = rules.get(name, 0) + 1
    examples = [*tally.examples] if tally else []
    examples += [
        Example(member.identity, member.time, member.rule, member.resource)
        for member in members[: _MOST_EXAMPLES - len(examples)]
    ]
    named = [*tally.named] if tally else []
    for member in members:
        if len(named) == _MOST_EXAMPLES:
            break
        if member.resource and member.resource not in named:
            named.append(member.resource)
    about = {member.about for member in members if member.about}
    return Tally(
        count=(tally.count if tally else 0) + len(members),
        first=tally.first if tally else now,
        last=now,
        leading=leading,
        is_new=is_new or (tally is not None and tally.is_new),
        rules=rules,
        resources=_bounded(tally.resources if tally else set(), about),
        named=named,
        examples=examples,
    )


def _bounded(known: set[bytes], more: set[bytes]) -> set[bytes]:
    missing = more - known
    if not missing:
        return known
    room = MOST_MARKS - len(known)
    return known | missing if len(missing) <= room else known | set(sorted(missing)[:room])
