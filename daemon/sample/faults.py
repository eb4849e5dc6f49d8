"""What arrives broken: files cut short or foreign, records that are none; each with the reason to refuse it for.

writer.py puts them among the good ones; `daemon/errors.py` has the closed list of reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isal import igzip

from daemon.errors import RejectReason
from daemon.sample.organisation import PLACES
from daemon.sample.rhythm import SLOTS


def pack(document: bytes) -> bytes:
    """Return the document gzip-ed, always to the same bytes: no time stamp, fastest level."""
    packed: bytes = igzip.compress(document, 1, mtime=0)
    return packed


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that holds no records; `damage` makes it from a good one."""

    reason: RejectReason
    damage: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """Something among the records of a good file that is none."""

    reason: RejectReason
    value: Any


_SLOW_DOWN = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code></Error>'
_WRONG_TYPES = {
    "eventVersion": "1.11",
    "userIdentity": "AssumedRole",
    "eventTime": 1772502000,
    "eventSource": ["ec2.amazonaws.com"],
    "eventName": None,
    "eventID": {"id": 7},
    "awsRegion": 1,
}

FAULTS: tuple[BrokenFile | BrokenRecord, ...] = (
    BrokenFile(RejectReason.BAD_GZIP, lambda good: good[: len(good) // 2]),
    BrokenRecord(RejectReason.NOT_AN_OBJECT, "StopLogging"),
    BrokenFile(RejectReason.NOT_JSON, lambda _: pack(_SLOW_DOWN)),
    BrokenRecord(RejectReason.BAD_ENVELOPE, _WRONG_TYPES),
    BrokenFile(RejectReason.EMPTY, lambda _: b""),
    BrokenRecord(RejectReason.NOT_AN_OBJECT, None),
    BrokenFile(RejectReason.NOT_AN_OBJECT, lambda _: pack(b'["Records"]')),
    BrokenFile(RejectReason.BAD_ENVELOPE, lambda _: pack(b'{"Records":{"eventVersion":"1.11"}}')),
)


def fault(place_number: int, slot: int) -> BrokenFile | BrokenRecord | None:
    """Return what is broken in a delivery; the faults are spread over the day and the places."""
    number, rest = divmod(slot, SLOTS // len(FAULTS))
    due = rest == 0 and number < len(FAULTS) and place_number == number % len(PLACES)
    return FAULTS[number] if due else None
