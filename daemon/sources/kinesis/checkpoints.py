"""Where in a shard reading goes on: positions, and the lowest record of a shard that is not settled yet.

reading.py notes every record it hands out and settles it here; keeper.py saves `position` with the lease.  A position
only ever covers whole Kinesis records: an aggregate counts as settled with the last of the user records in it.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from enum import StrEnum

import msgspec


class At(StrEnum):
    """Kinds of positions."""

    TRIM_HORIZON = "TRIM_HORIZON"  # the oldest record that the stream still has
    AT_TIMESTAMP = "AT_TIMESTAMP"  # the first record that arrived then or later
    AFTER = "AFTER_SEQUENCE_NUMBER"
    END = "SHARD_END"  # the shard is closed, and every record of it is settled


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in a shard.

    There is no LATEST: a start at the latest record is kept as the time of that start, so that whichever moment a
    shard is first read, and however often before its first checkpoint, nothing that came since is passed over.
    """

    at: At
    sequence: str = ""
    """With AFTER."""
    timestamp: float = 0.0
    """With AT_TIMESTAMP: seconds since the epoch."""

    def __str__(self) -> str:
        if self.at is At.AFTER:
            return f"after {self.sequence}"
        if self.at is At.AT_TIMESTAMP:
            return datetime.fromtimestamp(self.timestamp, UTC).isoformat(timespec="seconds")
        return str(self.at)


TRIM_HORIZON = Position(At.TRIM_HORIZON)
SHARD_END = Position(At.END)


class Mark(msgspec.Struct, eq=False):
    """A record that was handed out, in `open_parts` deliveries that are not settled yet."""

    sequence: str
    open_parts: int


class Checkpoint:
    """The records of one shard that are in hand, in the shard's order."""

    def __init__(self, position: Position) -> None:
        self.position = position
        """Everything up to here is settled: what may be saved."""
        self._in_hand: deque[Mark] = deque()

    def __bool__(self) -> bool:
        """Whether records are in hand."""
        return bool(self._in_hand)

    def hand_out(self, sequence: str, parts: int) -> Mark:
        """Note a record that is handed out in so many deliveries, at least one."""
        mark = Mark(sequence, parts)
        self._in_hand.append(mark)
        return mark

    def settle(self, mark: Mark) -> None:
        """Note that one delivery of a record is finished, and move on past all records that are."""
        mark.open_parts -= 1
        in_hand, last = self._in_hand, None
        while in_hand and in_hand[0].open_parts == 0:
            last = in_hand.popleft()
        if last is not None:
            self.position = Position(At.AFTER, last.sequence)
