"""How far an action on one intent has come, in the state store: where a crash leaves off, the next process goes on.

kernel.py saves a record before every step whose repetition would matter; approvals and undo start from it, too.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from daemon.actions.base import Image, Plan
from daemon.actions.config import Mode
from daemon.actions.subject import Subject
from daemon.dispatch.remediation.aside import Aside
from daemon.errors import FailureKind, PermanentError
from daemon.state.base import MOST_VALUE_BYTES, Conflict, StateStore, Write
from daemon.telemetry.names import StoredKind

_PREFIX = "action/"
RETENTION_SECONDS = 90 * 86_400.0
"""How long an action can be undone."""


class Progress(StrEnum):
    """The last step that is known to be complete."""

    PLANNED = "planned"  # decided upon; no change was asked for yet
    WAITING = "waiting"  # for a person
    APPLYING = "applying"  # the first change may have been made
    APPLIED = "applied"  # all changes were asked for
    ENDED = "ended"  # verified, or given up; only telling and confirming are left
    UNDOING = "undoing"  # the first change back may have been made
    UNDONE = "undone"


OVER = frozenset({Progress.ENDED, Progress.UNDOING, Progress.UNDONE})
"""Nothing is left to be done about the plan."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One action on one intent."""

    intent: str
    rule: str
    action: str
    kind: str
    mode: Mode
    event: str
    """Identity of the event."""
    hops: int = 0
    """Of the event."""
    subject: Subject
    plan: Plan
    """The newest: after a crash, of what was left to do."""
    before: Image
    """The first plan's before-image: what undo goes back to."""
    progress: Progress
    plan_number: int = 1
    """Counts the plans of the intent of which one did not follow from another: each is journalled and told."""
    touched: bool = False
    """Of what has ended: whether the resource may have been changed."""
    applied: Image = {}
    requests: tuple[str, ...] = ()
    ending: str = ""
    """How it ended, see result.py."""
    reason: str = ""
    detail: str = ""
    by: str = ""
    """Who approved it."""
    undone_by: str = ""
    deadline: float = 0.0
    """Of an approval, seconds since the epoch."""

    def ended(self, ending: str, reason: str, detail: str) -> Record:
        """Return the record at its end."""
        return msgspec.structs.replace(
            self,
            progress=Progress.ENDED,
            ending=ending,
            reason=reason,
            detail=detail,
            touched=self.touched or self.progress in (Progress.APPLYING, Progress.APPLIED),
        )


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


class Saved(msgspec.Struct, frozen=True):
    """A record with the version it is stored under."""

    record: Record
    version: int


class Records:
    """All records of a state store.  Every verb raises StateError."""

    def __init__(self, store: StateStore, aside: Aside) -> None:
        self._store = store
        self._aside = aside

    async def find(self, intent: str) -> Saved | None:
        """Return the record of an intent, None where no plan was made for it yet.

        Raises PermanentError for one that cannot be read: what may have been done is not done again on a guess.
        """
        (item,) = await self._store.get([_PREFIX + intent])
        if item is None:
            return None
        try:
            return Saved(_decode(item.value), item.version)
        except msgspec.DecodeError as error:
            self._aside.tell(StoredKind.RECORD, item)
            raise PermanentError(FailureKind.STATE, f"{item.key}: the record cannot be read") from error

    async def save(self, record: Record, expect: int, now: float) -> Saved | None:
        """Store the record if it still is the version expected (0: if there is none); None where it is not."""
        value = _encode(record)
        if len(value) > MOST_VALUE_BYTES:
            raise PermanentError(FailureKind.STATE, f"a record of {len(value)} bytes does not fit the state store")
        (answer,) = await self._store.put([Write(_PREFIX + record.intent, value, expect, now + RETENTION_SECONDS)])
        if isinstance(answer, Conflict):
            # An earlier write may have got through although its answer did not.
            if answer.current is None or answer.current.value != value:
                return None
            return Saved(record, answer.current.version)
        return Saved(record, answer.version)
