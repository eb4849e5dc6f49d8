"""Where a group of alerts stands, for people: what it counts, what was told of it, what is told next and when.

`vigild alerts` shows it.  Pure; the keeper decides by the same functions of group.py.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from daemon.dispatch.alerts.group import Example, Group, due_at, is_worth_closing, state_at
from daemon.sinks.base import Severity
from daemon.sinks.grouping import GroupConfig
from daemon.telemetry.names import NoteState


class Stage(StrEnum):
    """What happens with a group now."""

    WAITING = "waiting"  # for its first note
    TOLD = "told"
    SENDING = "sending"  # a note is on its way, tried again while its target fails
    SILENCE = "silence"  # held back
    MAINTENANCE = "maintenance"  # held back
    STRANDED = "stranded"  # its target is not configured


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One group; times are seconds since the epoch."""

    id: str
    """Stands in each of its notes: `$.vigild-group.id`."""
    target: str
    stage: Stage
    by: dict[str, str]
    held_by: str
    """Id of the silence or name of the window."""
    why: str
    rule: str
    severity: Severity
    description: str
    alerts: int
    untold: int
    resources: int
    """Of those that are not told; told apart up to a thousand."""
    named_resources: list[str]
    examples: list[Example]
    opened_at: float
    last_alert_at: float
    told_at: float | None
    """When its last note came to its end."""
    notes: int
    next_note: NoteState | None
    """None where it ends without one."""
    next_at: float | None
    """None where nothing is told before its target is configured again."""


def standing_of(group: Group, config: GroupConfig | None, *, is_lifted: bool, now: float) -> Standing:
    """Return where it stands; `config` is its target's, None where there is no such target.

    `is_lifted` says that the silence which holds it back is over before its time.
    """
    tally, note = group.pending, group.outbox
    leading = tally.leading if tally else group.leading
    next_note, next_at = _next(group, config, is_lifted=is_lifted, now=now)
    return Standing(
        id=group.incarnation,
        target=group.key.target,
        stage=_stage(group, config),
        by=dict(group.key.by),
        held_by=group.key.held_by,
        why=group.key.why,
        rule=leading.rule if leading else "",
        severity=leading.severity if leading else Severity.INFO,
        description=leading.description if leading else "",
        alerts=group.total + (note.count if note else 0),
        untold=(tally.count if tally else 0) + (note.count if note else 0),
        resources=len(tally.resources) if tally else 0,
        named_resources=tally.named if tally else [],
        examples=tally.examples if tally else [],
        opened_at=group.opened_at,
        last_alert_at=group.last_at,
        told_at=group.told_at if group.sequence else None,
        notes=group.sequence,
        next_note=next_note,
        next_at=next_at,
    )


def _stage(group: Group, config: GroupConfig | None) -> Stage:
    if config is None:
        return Stage.STRANDED
    if group.outbox is not None:
        return Stage.SENDING
    if group.key.is_held_back:
        return Stage(group.key.state.value)
    return Stage.TOLD if group.sequence else Stage.WAITING


def _next(
    group: Group, config: GroupConfig | None, *, is_lifted: bool, now: float
) -> tuple[NoteState | None, float | None]:
    if group.outbox is not None:
        return group.outbox.state, None if config is None else now
    if config is None:
        return None, None
    at = max(now if is_lifted else due_at(group, config), now)
    state = state_at(group, config, at)
    ends_unsaid = state is NoteState.CLOSED and not is_worth_closing(group, config)
    return None if ends_unsaid else state, at
