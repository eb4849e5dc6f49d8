"""What flows through the daemon: a Delivery comes in, Events come out of it, a Rejection where none could.

sources/ make deliveries, decode/ turns each into events and rejections, pipeline.py settles the delivery when its
last event has settled.  Plain data; nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import msgspec
import orjson

from daemon.errors import RejectReason

_NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})


class Framing(StrEnum):
    """How a delivery's body holds its events."""

    DOCUMENT = "document"  # one JSON document: an event, an envelope, or {"Records": [...]}
    LINES = "lines"  # one JSON document a line


class Delivery(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What a source received in one piece and must settle in one piece: an SQS message, a file, a run of lines."""

    source: str
    """The source's name in the configuration: metric label and log key."""
    identity: str
    """Names the piece itself ("sqs:<message id>", "file:<path>:<offset>"): the identity of an event that has none."""
    body: bytes
    """As received: perhaps gzip, perhaps wrapped in SNS."""
    receipt: object
    """Opaque; only the source that made it reads it, to acknowledge or release."""
    received_at: float
    """Seconds since the epoch."""
    framing: Framing = Framing.DOCUMENT
    attempt: int = 1
    """How often the source has handed this piece out, as the source counts it (SQS ApproximateReceiveCount)."""
    order_key: str | None = None
    """Deliveries of one key are worked on one after the other, in order (SQS MessageGroupId)."""
    attributes: Mapping[str, str] = _NO_ATTRIBUTES


class LogRecord:
    """Some messages that CloudWatch Logs delivered together, so that rules can look at many of them at once."""

    __slots__ = ("messages", "verdicts")

    def __init__(self, messages: Sequence[str]) -> None:
        self.messages = messages
        self.verdicts: object = None
        """A place for whoever judges the messages to keep what it found."""


class LogLine(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What CloudWatch Logs held of an event: what `log:` rules look at."""

    group: str
    stream: str
    message: str
    """As it was logged."""
    record: LogRecord | None = None
    position: int = 0
    """Of the message in the record."""


class Event(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One EventBridge-shaped event, still bytes: only what matched is ever parsed whole."""

    identity: str
    """The same over every path the event takes; see daemon/dedupe/identity.py."""
    body: bytes
    """A JSON object with source, detail-type, account, region, time, resources, detail."""
    time: str
    """The event's own `time` as it stands in the body (RFC 3339), "" where it has none."""
    hops: int = 0
    """0 for what a source received, one more for each rule that derived it from another event."""
    log: LogLine | None = None
    """There where the event came out of CloudWatch Logs."""
    screened: bool = False
    """Whether a Screen was asked about it: then it is one of the few that it did not rule out."""

    def document(self) -> dict[str, Any]:
        """Parse the whole body; may raise orjson.JSONDecodeError where only skipped fields are malformed."""
        parsed: dict[str, Any] = orjson.loads(self.body)
        return parsed


class Unwanted(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Events that no rule can match, as a Screen says: received and settled, but their bytes were never copied."""

    identities: set[str]
    events: int
    """How many there were, repeats of one identity included."""
    time: str
    """Of one of the last."""


class ScreenField(NamedTuple):
    """A field, by its path from the event's root, with the sets of rules (as bits) that its values leave possible."""

    path: tuple[str, ...]
    possible: Callable[[str | msgspec.UnsetType], int]
    """UNSET stands for a field that is not there; any other value than a string leaves all rules possible."""


LineRules: TypeAlias = Callable[[str, LogRecord], Sequence[bool] | None]
"""Says of a log group's lines which of them rules look for, None where no rule looks at that group."""

Screen = tuple[ScreenField, ...]
"""An event can only match if the sets of all these fields have a rule in common.  match/ makes it, decode/ applies it
while it reads, so that most events are never taken apart any further."""


class Rejection(msgspec.Struct, frozen=True, eq=False):
    """Bytes that are no event, with the reason; parked, counted, then acknowledged."""

    identity: str
    reason: RejectReason
    detail: str
    """For people; holds no part of the body."""
    body: bytes
    """What was refused, cut to the dead letter's limit."""
