"""CloudTrail records as S3 files and queues hold them, wrapped in the envelope EventBridge would give them.

shapes.py calls wrap_record for each record; the result goes to the matcher.  The record's bytes are embedded as they
are: only six header fields are looked at.
Rule: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

from __future__ import annotations

import msgspec

from daemon.dedupe.identity import cloudtrail_identity
from daemon.errors import DecodeError, RejectReason
from daemon.event import Event

_EMPTY = msgspec.Raw(b'""')
_MISSING = msgspec.Raw(b"")

_DETAIL_TYPES = {
    b'"AwsApiCall"': b'"AWS API Call via CloudTrail"',
    b'"AwsServiceEvent"': b'"AWS Service Event via CloudTrail"',
    b'"AwsConsoleSignIn"': b'"AWS Console Sign In via CloudTrail"',
    b'"AwsConsoleAction"': b'"AWS Console Action via CloudTrail"',
    b'"AwsCloudTrailInsight"': b'"AWS Insight via CloudTrail"',
}
_OTHER_DETAIL_TYPE = b'"AWS Event via CloudTrail"'

_MOST_SOURCES = 4_096
_sources: dict[bytes, bytes] = {}
"""eventSource to the envelope's source, both as JSON text; emptied when hostile input fills it."""


class CloudTrailRecord(msgspec.Struct):
    """The header fields of a record, as JSON text: they are copied, not used."""

    eventID: msgspec.Raw = _MISSING
    eventSource: msgspec.Raw = _MISSING
    eventType: msgspec.Raw = _MISSING
    eventTime: msgspec.Raw = _EMPTY
    awsRegion: msgspec.Raw = _EMPTY
    recipientAccountId: msgspec.Raw = _EMPTY


def looks_like_cloudtrail(record: CloudTrailRecord) -> bool:
    """Return whether the fields are there that only CloudTrail sends together (S3's Records have no eventID)."""
    return record.eventID is not _MISSING and record.eventSource is not _MISSING and record.eventType is not _MISSING


def wrap_record(body: bytes, record: CloudTrailRecord) -> Event:
    """Return the event EventBridge would deliver for this record (its id is the eventID here).

    Raises DecodeError BAD_ENVELOPE where a header field is no string.
    """
    event_id, event_source, event_time = bytes(record.eventID), bytes(record.eventSource), bytes(record.eventTime)
    region, account = bytes(record.awsRegion), bytes(record.recipientAccountId)
    for name, text in (
        ("eventID", event_id),
        ("eventSource", event_source),
        ("eventTime", event_time),
        ("awsRegion", region),
        ("recipientAccountId", account),
    ):
        if text[:1] != b'"':
            raise DecodeError(RejectReason.BAD_ENVELOPE, f"expected a string - at `$.{name}`")
    wrapped = b"".join(
        (
            b'{"version":"0","id":',
            event_id,
            b',"detail-type":',
            _DETAIL_TYPES.get(bytes(record.eventType), _OTHER_DETAIL_TYPE),
            b',"source":',
            _sources.get(event_source) or _source(event_source),
            b',"account":',
            account,
            b',"time":',
            event_time,
            b',"region":',
            region,
            b',"resources":[],"detail":',
            body,
            b"}",
        )
    )
    return Event(cloudtrail_identity(event_id[1:-1].decode()), wrapped, event_time[1:-1].decode())


def _source(event_source: bytes) -> bytes:
    """Return "aws.iam" for "iam.amazonaws.com", both with their quotes."""
    source = b'"aws.' + event_source[1:-1].split(b".", 1)[0] + b'"'
    if len(_sources) >= _MOST_SOURCES:
        _sources.clear()
    _sources[event_source] = source
    return source
