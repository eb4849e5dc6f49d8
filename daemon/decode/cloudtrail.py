"""CloudTrail records as S3 files and queues hold them, wrapped in the envelope EventBridge would give them.

shapes.py calls wrap_record for each record; the result goes to the matcher.  The record's bytes are embedded as they
are: only six header fields are looked at.
Rule: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

from __future__ import annotations

import msgspec

from daemon.dedupe.identity import cloudtrail_identity
from daemon.event import Event, LogLine

_DETAIL_TYPES = {
    "AwsApiCall": "AWS API Call via CloudTrail",
    "AwsServiceEvent": "AWS Service Event via CloudTrail",
    "AwsConsoleSignIn": "AWS Console Sign In via CloudTrail",
    "AwsConsoleAction": "AWS Console Action via CloudTrail",
    "AwsCloudTrailInsight": "AWS Insight via CloudTrail",
}
_OTHER_DETAIL_TYPE = "AWS Event via CloudTrail"


class CloudTrailRecord(msgspec.Struct, gc=False):
    """The header fields of a record; what is missing is empty, what is no string makes decoding fail with its path.

    In CloudTrail's order: a name is found fastest right behind the one before.
    """

    eventTime: str = ""
    eventSource: str = ""
    awsRegion: str = ""
    eventID: str = ""
    eventType: str = ""
    recipientAccountId: str = ""


class _Envelope(msgspec.Struct, gc=False):
    """The envelope less its `detail`, in EventBridge's own order."""

    id: str
    detail_type: str = msgspec.field(name="detail-type")
    source: str
    account: str
    time: str
    region: str
    version: str = "0"
    resources: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode


def looks_like_cloudtrail(record: CloudTrailRecord) -> bool:
    """Return whether the fields are there that only CloudTrail sends together (S3's Records have no eventID)."""
    return bool(record.eventID and record.eventSource and record.eventType)


def wrap_record(body: bytes, record: CloudTrailRecord, log: LogLine | None = None, *, screened: bool = False) -> Event:
    """Return the event EventBridge would deliver for this record (its id is the eventID here)."""
    time = record.eventTime
    head = _encode(
        _Envelope(
            record.eventID,
            _DETAIL_TYPES.get(record.eventType, _OTHER_DETAIL_TYPE),
            "aws." + record.eventSource.partition(".")[0],
            record.recipientAccountId,
            time,
            record.awsRegion,
        )
    )
    wrapped = b"".join((head[:-1], b',"detail":', body, b"}"))
    return Event(cloudtrail_identity(record.eventID), wrapped, time, log=log, screened=screened)
