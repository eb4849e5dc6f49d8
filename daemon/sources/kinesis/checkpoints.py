"""Where in a shard reading goes on: positions, and the lowest record of a shard that is not settled yet.

reading.py notes every record it hands out, the source settles it; keeper.py saves `position` with the lease.  Positions
only ever cover whole Kinesis records: an aggregate counts as settled with the last of the user records in it.
"""

from __future__ import annotations

from collections import OrderedDict
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

    before: Position
    """Of the record before it: as far as a position may go while this one is in hand."""
    open_parts: int


class Checkpoint:
    """The records of one shard that are in hand, in the shard's order.

    Only those are kept: while one waits for its target, any number may pass it by.
    """

    def __init__(self, position: Position) -> None:
        self.read_to = position
        """What was handed out last."""
        self._in_hand: OrderedDict[int, Mark] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether records are in hand."""
        return bool(self._in_hand)

    @property
    def position(self) -> Position:
        """Everything up to here is settled: what may be saved."""
        return next(iter(self._in_hand.values())).before if self._in_hand else self.read_to

    def hand_out(self, sequence: str, parts: int) -> Mark:
        """Note a record that is handed out in so many deliveries, at least one."""
        mark = Mark(self.read_to, parts)
        self._in_hand[id(mark)] = mark
        self.read_to = Position(At.AFTER, sequence)
        return mark

    def settle(self, mark: Mark) -> None:
        """Note that one delivery of a record is finished."""
        mark.open_parts -= 1
        if mark.open_parts == 0:
            del self._in_hand[id(mark)]
