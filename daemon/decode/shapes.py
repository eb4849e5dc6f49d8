"""Tells documents apart by content and hands each to the file that makes events of it; decode/__init__.py calls it.

The commonest shapes are tried with strict types first; only what fits none of them is looked at more closely, to find
out what it is or to say what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from daemon.decode.cloudtrail import CloudTrailRecord, looks_like_cloudtrail, wrap_record
from daemon.decode.cloudwatch_logs import read_record
from daemon.decode.envelope import unpack
from daemon.decode.eventbridge import EventBridgeEvent, name_event
from daemon.decode.limits import DecodeLimits
from daemon.decode.pieces import piece_of
from daemon.decode.record_screen import RecordScreen
from daemon.decode.records_file import all_records, some_records
from daemon.decode.s3_notification import EVENT_SOURCE, wrap_notification
from daemon.decode.unknown import wrap_unknown
from daemon.dedupe.identity import carried_identity
from daemon.errors import DecodeError, RejectReason
from daemon.event import Delivery, Event, Rejection, Unwanted

_RECORDS_FILE = b'{"Records"'
"""How CloudTrail begins its log files."""
_SUBSCRIPTION = re.compile(rb'\{"messageType": ?"(?:DATA|CONTROL)_MESSAGE"')
"""How CloudWatch Logs begins its records."""
_NEVER_CROWDED_BYTES = 1024**2
_LEAST_BYTES_A_VALUE = 8
_MOST_VALUES = 4_000_000
"""Some 70 bytes of memory each, at worst."""
_MOST_WRAPPERS = 3
"""SNS in SQS is one; more than this is nobody's set-up."""


class _SnsNotification(msgspec.Struct, tag_field="Type", tag="Notification"):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""

    Message: str
    TopicArn: str
    MessageId: str


class _LambdaData(msgspec.Struct):
    data: str


class _LambdaInput(msgspec.Struct):
    """What a subscription hands to a Lambda function: the record in base64, as a queue may carry it on."""

    awslogs: _LambdaData


class _Probe(msgspec.Struct):
    """Which tell-tale fields there are, of whatever type."""

    Records: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    TopicArn: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    messageType: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    logEvents: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    awslogs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    detail: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    detail_type: msgspec.Raw | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="detail-type")

    @property
    def holds_several(self) -> bool:
        """Whether it is a log file's Records or a subscription's log events."""
        is_subscription = self.messageType is not msgspec.UNSET and self.logEvents is not msgspec.UNSET
        return is_subscription or self.Records is not msgspec.UNSET


_decode_record = msgspec.json.Decoder(CloudTrailRecord).decode
_decode_eventbridge = msgspec.json.Decoder(EventBridgeEvent).decode
_decode_sns = msgspec.json.Decoder(_SnsNotification).decode
_decode_lambda_input = msgspec.json.Decoder(_LambdaInput).decode
_decode_probe = msgspec.json.Decoder(_Probe).decode


def read_event(document: bytes, limits: DecodeLimits) -> Event | None:
    """Return the event that the document is, if it plainly is EventBridge's; None where it takes a closer look."""
    if document.startswith(_RECORDS_FILE) or document[:1] != b"{":
        return None
    if len(document) > min(limits.max_event_bytes, limits.max_document_bytes):
        return None
    if not _is_utf8(document):
        return None
    try:
        return name_event(document, _decode_eventbridge(document))
    except (msgspec.DecodeError, RecursionError):
        return None


def read_document(
    document: bytes, delivery: Delivery, limits: DecodeLimits, screen: RecordScreen, wrappers: int = 0
) -> Iterator[Event | Unwanted | Rejection]:
    """Yield the events of one JSON document without blanks around it.

    Raises DecodeError when the document as a whole cannot be read; a bad record among good ones is yielded as a
    Rejection instead.
    """
    _refuse_crowded(document)
    try:
        if document.startswith(_RECORDS_FILE):
            yield from _records(document, delivery, limits, screen)
            return
        if _SUBSCRIPTION.match(document):
            yield from read_record(document, delivery, limits, screen)
            return
        if len(document) > limits.max_event_bytes:
            yield from _several(_decode_probe(document), document, delivery, limits, screen)
            return
        _check_utf8(document)
        try:
            event = _decode_eventbridge(document)
            yield name_event(document, event) or Event(carried_identity(delivery, document), document, event.time)
            return
        except msgspec.ValidationError:
            pass
        yield from _uncommon(document, delivery, limits, screen, wrappers)
    except msgspec.ValidationError as error:
        reason = RejectReason.BAD_ENVELOPE if document.startswith(b"{") else RejectReason.NOT_AN_OBJECT
        raise DecodeError(reason, str(error)) from error
    except msgspec.DecodeError as error:
        raise DecodeError(RejectReason.NOT_JSON, str(error)) from error
    except RecursionError as error:
        raise DecodeError(RejectReason.TOO_DEEP, "nested too deep") from error


def _uncommon(
    document: bytes, delivery: Delivery, limits: DecodeLimits, screen: RecordScreen, wrappers: int
) -> Iterator[Event | Unwanted | Rejection]:
    record = _decode_record(document)
    if looks_like_cloudtrail(record):
        yield wrap_record(document, record)
        return
    probe = _decode_probe(document)
    if probe.holds_several:
        yield from _several(probe, document, delivery, limits, screen)
    elif probe.TopicArn is not msgspec.UNSET and wrappers < _MOST_WRAPPERS and b'"Notification"' in document:
        message = _decode_sns(document).Message.strip().encode()
        if not message:
            raise DecodeError(RejectReason.EMPTY, "SNS notification without a message")
        yield from read_document(message, delivery, limits, screen, wrappers + 1)
    elif probe.awslogs is not msgspec.UNSET and wrappers < _MOST_WRAPPERS:
        packed = _decode_lambda_input(document).awslogs.data.encode()
        yield from read_document(unpack(packed, limits.max_document_bytes), delivery, limits, screen, wrappers + 1)
    elif probe.detail_type is not msgspec.UNSET and probe.detail is not msgspec.UNSET:
        _decode_eventbridge(document)  # raises with the field that is wrong
    else:
        yield wrap_unknown(document, delivery, limits)


def _several(
    probe: _Probe, document: bytes, delivery: Delivery, limits: DecodeLimits, screen: RecordScreen
) -> Iterator[Event | Unwanted | Rejection]:
    """Read what holds events that each have their own limit; any other document over an event's size is refused."""
    if probe.Records is not msgspec.UNSET:
        yield from _records(document, delivery, limits, screen)
    elif probe.holds_several:
        yield from read_record(document, delivery, limits, screen)
    else:
        raise _too_large(document, limits)


def _records(
    document: bytes, delivery: Delivery, limits: DecodeLimits, screen: RecordScreen
) -> Iterator[Event | Unwanted | Rejection]:
    """A CloudTrail log file, or another service's `Records`: each record is read for itself."""
    clean = _is_utf8(document)
    screened = screen.sort(document) if clean else None
    if screened is not None:
        yield screened.unwanted
        records = some_records(document, screened.wanted)
        for (number, _), (body, record) in zip(screened.wanted, records, strict=True):
            if len(body) <= limits.max_event_bytes:
                yield wrap_record(body, record, screened=True)
            else:
                yield _rejected(body, piece_of(delivery, number), _too_large(body, limits))
        return
    for number, body in enumerate(all_records(document)):
        try:
            if len(body) > limits.max_event_bytes:
                raise _too_large(body, limits)
            if not clean:
                _check_utf8(body)
            yield _read_record(body, delivery, number, limits)
        except msgspec.ValidationError as error:
            reason = RejectReason.BAD_ENVELOPE if body.startswith(b"{") else RejectReason.NOT_AN_OBJECT
            yield _rejected(body, piece_of(delivery, number), DecodeError(reason, str(error)))
        except DecodeError as error:
            yield _rejected(body, piece_of(delivery, number), error)


def _read_record(body: bytes, delivery: Delivery, number: int, limits: DecodeLimits) -> Event:
    record = _decode_record(body)
    if looks_like_cloudtrail(record):
        return wrap_record(body, record)
    if record.eventSource == EVENT_SOURCE:
        return wrap_notification(body, piece_of(delivery, number))
    return wrap_unknown(body, piece_of(delivery, number), limits)


def _rejected(body: bytes, delivery: Delivery, error: DecodeError) -> Rejection:
    return Rejection(delivery.identity, error.reason, error.detail, body)


def _too_large(body: bytes, limits: DecodeLimits) -> DecodeError:
    return DecodeError(RejectReason.TOO_LARGE, f"{len(body)} bytes, limit {limits.max_event_bytes}")


def _refuse_crowded(document: bytes) -> None:
    """Raise DecodeError where so many values stand in so few bytes that reading them would take many times the memory.

    CloudTrail's files have a comma for every 33 bytes or more.
    """
    if len(document) <= _NEVER_CROWDED_BYTES:
        return
    most = min(len(document) // _LEAST_BYTES_A_VALUE, _MOST_VALUES)
    if (values := document.count(b",")) > most:
        raise DecodeError(RejectReason.TOO_LARGE, f"about {values} values in {len(document)} bytes, limit {most}")


def _is_utf8(document: bytes) -> bool:
    if document.isascii():
        return True
    try:
        document.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_utf8(document: bytes) -> None:
    """Refuse what msgspec would let pass in the fields it skips."""
    if not _is_utf8(document):
        raise DecodeError(RejectReason.NOT_UTF8, "not UTF-8")
