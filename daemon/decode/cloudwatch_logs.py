"""CloudWatch Logs subscription records: every log event in them becomes an event.

shapes.py calls read_record for each document of this shape.  A log event is put under `detail` of an envelope like
EventBridge's, with detail-type "CloudWatch Logs Log Event" and source "aws.logs"; one that holds a CloudTrail record
or an EventBridge event becomes that event.  Both keep the line itself, for `log:` rules.
Rule: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from daemon.decode.cloudtrail import CloudTrailRecord, looks_like_cloudtrail, wrap_record
from daemon.decode.eventbridge import EventBridgeEvent, name_event
from daemon.decode.limits import DecodeLimits
from daemon.decode.record_screen import RecordScreen, Screened
from daemon.dedupe.identity import log_event_identity
from daemon.errors import DecodeError, RejectReason
from daemon.event import Delivery, Event, LogLine, LogRecord, Rejection, Unwanted

T = TypeVar("T")

DETAIL_TYPE = "CloudWatch Logs Log Event"

_TRAIL_GROUP = "cloudtrail"
_FUNCTIONS_GROUP = "/aws/lambda/"
"""What a function logs is its own word, also where it is named for CloudTrail."""
_EVENTS_GROUP = "/aws/events/"
"""Where EventBridge writes events to."""
_MOST_BYTES_OF_A_CHARACTER = 4
_TOGETHER = 128
"""Log events looked at in one go: cheaper by half for each, and short enough for the event loop."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))


class _LogEvent(msgspec.Struct, gc=False, omit_defaults=True):
    message: str
    id: str = ""
    timestamp: int | str = 0
    """Milliseconds since the epoch; a string in old records."""
    extractedFields: dict[str, Any] | None = None


class _Head(msgspec.Struct):
    """What all log events of a record share."""

    messageType: str
    owner: str = ""
    logGroup: str = ""
    logStream: str = ""
    subscriptionFilters: list[str] = []


class _Record(_Head):
    logEvents: list[_LogEvent] = []


class _LooseRecord(_Head):
    logEvents: list[msgspec.Raw] = []


class _Detail(msgspec.Struct, gc=False, omit_defaults=True):
    logGroup: str
    logStream: str
    subscriptionFilters: list[str]
    timestamp: int
    message: str
    extractedFields: dict[str, Any] | None = None


class _Envelope(msgspec.Struct, gc=False, kw_only=True):
    """In EventBridge's own order."""

    version: str = "0"
    id: str
    detail_type: str = msgspec.field(name="detail-type", default=DETAIL_TYPE)
    source: str = "aws.logs"
    account: str
    time: str
    region: str
    resources: Sequence[str]
    detail: _Detail


_encode = msgspec.json.Encoder().encode
_decode_record = msgspec.json.Decoder(_Record).decode
_decode_log_event = msgspec.json.Decoder(_LogEvent).decode
_decode_loose_record = msgspec.json.Decoder(_LooseRecord).decode
_decode_cloudtrail = msgspec.json.Decoder(CloudTrailRecord).decode
_decode_eventbridge = msgspec.json.Decoder(EventBridgeEvent).decode


def read_record(
    document: bytes, delivery: Delivery, limits: DecodeLimits, screen: RecordScreen
) -> Iterator[Event | Unwanted | Rejection]:
    """Yield the record's log events, and nothing for a CONTROL_MESSAGE, which only probes the destination.

    In order, but that of each few the CloudTrail records which the screen rules out come first.  Raises DecodeError,
    msgspec's included, when the record as a whole cannot be read; a bad log event among good ones is yielded as a
    Rejection.
    """
    record = _read(document)
    if record.messageType == "CONTROL_MESSAGE":
        return
    if record.messageType != "DATA_MESSAGE":
        raise DecodeError(RejectReason.BAD_ENVELOPE, "messageType is neither DATA_MESSAGE nor CONTROL_MESSAGE")
    writer = _Writer(record, limits, delivery)
    if isinstance(record, _Record):
        for start in range(0, len(record.logEvents), _TOGETHER):
            yield from writer.some(start, record.logEvents[start : start + _TOGETHER], screen)
    else:
        for place, raw in enumerate(record.logEvents):
            yield writer.lone(place, bytes(raw))


def _read(document: bytes) -> _Record | _LooseRecord:
    """Read a record in one go; where that fails leave the log events for later, so that none can spoil the others."""
    try:
        return _mending(_decode_record, document)
    except msgspec.ValidationError:
        return _mending(_decode_loose_record, document)


def _read_log_event(raw: bytes) -> _LogEvent:
    try:
        return _mending(_decode_log_event, raw)
    except msgspec.ValidationError as error:
        raise DecodeError(RejectReason.BAD_ENVELOPE, f"log event: {error}") from error


def _mending(decode: Callable[[bytes], T], body: bytes) -> T:
    """Decode; where strings hold what UTF-8 cannot, put U+FFFD in its place, as AWS does, and decode again.

    Raises what `decode` does, and DecodeError for what is no JSON.
    """
    try:
        return decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            plain = json.loads(body.decode(errors="replace"))
        except ValueError:
            raise DecodeError(RejectReason.NOT_JSON, str(error)) from error
        return decode(_LONE_SURROGATE.sub("\ufffd", json.dumps(plain, ensure_ascii=False)).encode())


class _Writer:
    """Makes the events of one record."""

    def __init__(self, record: _Head, limits: DecodeLimits, delivery: Delivery) -> None:
        self._record = record
        self._max_event_bytes = limits.max_event_bytes
        self._delivery = delivery
        self._may_carry_events = _may_carry_events(record.logGroup, limits.event_log_groups)

    def some(
        self, start: int, log_events: Sequence[_LogEvent], screen: RecordScreen
    ) -> Iterator[Event | Unwanted | Rejection]:
        """Yield what comes of a few log events, the first of which is at `start` in the record.

        CloudTrail records that no rule can match come first, as one item.
        """
        lines = LogRecord([log_event.message for log_event in log_events])
        screened = self._screened(lines, screen)
        if screened is not None:
            yield screened.unwanted
            for position, record in screened.wanted:
                message = lines.messages[position]
                yield wrap_record(message.encode(), record, self._log(message, lines, position), screened=True)
            return
        for position, log_event in enumerate(log_events):
            try:
                yield self._event(log_event, lines, position)
            except DecodeError as error:
                yield self._rejection(start + position, error, _encode(log_event))

    def lone(self, place: int, raw: bytes) -> Event | Rejection:
        """Return what comes of a log event of a record that could not be read in one go."""
        try:
            log_event = _read_log_event(raw)
            return self._event(log_event, LogRecord([log_event.message]), 0)
        except DecodeError as error:
            return self._rejection(place, error, raw)

    def _rejection(self, place: int, error: DecodeError, body: bytes) -> Rejection:
        return Rejection(f"{self._delivery.identity}+{place}", error.reason, error.detail, body)

    def _screened(self, lines: LogRecord, screen: RecordScreen) -> Screened | None:
        """Return CloudTrail's records sorted by whether rules can match them; None where some need the careful way."""
        longest = max(map(len, lines.messages)) * _MOST_BYTES_OF_A_CHARACTER
        if not self._may_carry_events or longest > self._max_event_bytes:
            return None
        return screen.sort_lines(self._record.logGroup, lines)

    def _event(self, log_event: _LogEvent, lines: LogRecord, position: int) -> Event:
        """Return the event for a log event.  Raises DecodeError where it is too large or malformed."""
        message = log_event.message
        size = len(message if message.isascii() else message.encode())
        if size > self._max_event_bytes:
            raise DecodeError(RejectReason.TOO_LARGE, f"log event of {size} bytes, limit {self._max_event_bytes}")
        log = self._log(message, lines, position)
        event = _carried_event(log_event, log) if self._may_carry_events and message.startswith("{") else None
        return event or self._line(log_event, log)

    def _log(self, message: str, lines: LogRecord, position: int) -> LogLine:
        return LogLine(self._record.logGroup, self._record.logStream, message, lines, position)

    def _line(self, log_event: _LogEvent, log: LogLine) -> Event:
        """Return the event of a message that is nothing but a line."""
        record, fields = self._record, log_event.extractedFields
        milliseconds = _milliseconds(log_event.timestamp)
        time = _rfc3339(milliseconds // 1000)
        region = _system_field(fields, "@aws.region")
        account = _system_field(fields, "@aws.account") or record.owner
        envelope = _Envelope(
            id=log_event.id,
            account=account,
            time=time,
            region=region,
            resources=(_group_arn(region, account, log.group),) if region else (),
            detail=_Detail(log.group, log.stream, record.subscriptionFilters, milliseconds, log.message, fields),
        )
        body = _encode(envelope)
        return Event(log_event_identity(log_event.id, body), body, time, log=log)


def _may_carry_events(group: str, event_groups: Sequence[str] | None) -> bool:
    """Return whether messages are taken for the events they look like.

    Anywhere else whoever can have a line logged could forge CloudTrail events, or use up the identity of a real one.
    A stream that is named as CloudTrail names its own proves nothing: whoever writes to a group names streams in it.
    """
    if event_groups is None:
        is_trail = _TRAIL_GROUP in group.lower() and not group.startswith(_FUNCTIONS_GROUP)
        return is_trail or group.startswith(_EVENTS_GROUP)
    return any(group.startswith(wanted[:-1]) if wanted.endswith("*") else group == wanted for wanted in event_groups)


def _carried_event(log_event: _LogEvent, log: LogLine) -> Event | None:
    """Return the event that the message itself is, None if it is none."""
    message = log_event.message
    try:
        record = _decode_cloudtrail(message)
        if looks_like_cloudtrail(record):
            return wrap_record(message.encode(), record, log)
        body, event = message.encode(), _decode_eventbridge(message)
        return name_event(body, event, log) or Event(log_event_identity(log_event.id, body), body, event.time, log=log)
    except (msgspec.DecodeError, RecursionError):
        return None


def _milliseconds(timestamp: int | str) -> int:
    try:
        return int(timestamp)
    except ValueError:
        raise DecodeError(RejectReason.BAD_ENVELOPE, "log event: timestamp is no number") from None


@lru_cache(maxsize=1_024)
def _rfc3339(seconds: int) -> str:
    """Return the time as EventBridge writes it, "" for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""


def _system_field(fields: dict[str, Any] | None, name: str) -> str:
    """Return a field that a subscription filter adds where it is told to emit system fields."""
    value = fields.get(name) if fields else None
    return value if isinstance(value, str) else ""


def _group_arn(region: str, account: str, group: str) -> str:
    partition = next((name for prefix, name in _PARTITIONS if region.startswith(prefix)), "aws")
    return f"arn:{partition}:logs:{region}:{account}:log-group:{group}"
