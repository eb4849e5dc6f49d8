"""S3's own notifications, as a bucket sends them to SQS and SNS, in the shape that S3's events on EventBridge have.

shapes.py calls wrap_notification for each record.  Names, types and the object's key come out as EventBridge has them,
so one rule serves both ways; an event that only notifications tell of keeps its name in `detail.event-name`.
Sources: S3 user guide, "Event message structure", "Using EventBridge" and its event mapping.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

import msgspec

from daemon.dedupe.identity import carried_identity, s3_identity
from daemon.event import Delivery, Event

EVENT_SOURCE: Final = "aws:s3"

_DETAIL_TYPES: Final = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "LifecycleExpiration": "Object Deleted",
    "ObjectRestore:Post": "Object Restore Initiated",
    "ObjectRestore:Completed": "Object Restore Completed",
    "ObjectRestore:Delete": "Object Restore Expired",
    "LifecycleTransition": "Object Storage Class Changed",
    "IntelligentTiering": "Object Access Tier Changed",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
    "ObjectAcl:Put": "Object ACL Updated",
}
"""By the event's whole name, else by its part before the colon."""
_OTHER_DETAIL_TYPE: Final = "S3 Event Notification"
"""For what EventBridge is not told: an object of reduced redundancy that is lost, replication."""


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct):
    key: str
    size: int | None = None
    eTag: str | None = None
    versionId: str | None = None
    sequencer: str | None = None


class _S3(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _Request(msgspec.Struct):
    sourceIPAddress: str | None = None


class _Response(msgspec.Struct):
    request_id: str | None = msgspec.field(default=None, name="x-amz-request-id")


class _Record(msgspec.Struct):
    eventName: str
    s3: _S3
    awsRegion: str = ""
    eventTime: str = ""
    requestParameters: _Request | None = None
    responseElements: _Response | None = None


class _ObjectDetail(msgspec.Struct, omit_defaults=True):
    key: str
    size: int | None = None
    etag: str | None = None
    version_id: str | None = msgspec.field(default=None, name="version-id")
    sequencer: str | None = None


class _Detail(msgspec.Struct, omit_defaults=True):
    bucket: _Bucket
    object: _ObjectDetail
    event_name: str = msgspec.field(name="event-name")
    request_id: str | None = msgspec.field(default=None, name="request-id")
    source_ip_address: str | None = msgspec.field(default=None, name="source-ip-address")


class _Envelope(msgspec.Struct):
    """In EventBridge's own order.  Notifications do not say whose account it is."""

    id: str
    detail_type: str = msgspec.field(name="detail-type")
    time: str
    region: str
    resources: tuple[str, ...]
    detail: _Detail
    version: str = "0"
    source: str = "aws.s3"
    account: str = ""


_decode = msgspec.json.Decoder(_Record).decode
_encode = msgspec.json.Encoder().encode


def wrap_notification(body: bytes, delivery: Delivery) -> Event:
    """Return the event that a record tells of.  Raises msgspec.ValidationError where a field has the wrong type."""
    record = _decode(body)
    found, bucket = record.s3.object, record.s3.bucket
    name = record.eventName.removeprefix("s3:")
    kind = _DETAIL_TYPES.get(name) or _DETAIL_TYPES.get(name.partition(":")[0], _OTHER_DETAIL_TYPE)
    if found.sequencer:
        identity = s3_identity(bucket.name, found.key, found.versionId or "", found.sequencer, name)
    else:
        identity = carried_identity(delivery, body)
    key = unquote_plus(found.key)
    detail = _Detail(
        bucket,
        _ObjectDetail(key, found.size, found.eTag, found.versionId, found.sequencer),
        name,
        record.responseElements.request_id if record.responseElements else None,
        record.requestParameters.sourceIPAddress if record.requestParameters else None,
    )
    resources = (f"arn:aws:s3:::{bucket.name}",)
    event = _Envelope(identity, kind, record.eventTime, record.awsRegion, resources, detail)
    return Event(identity, _encode(event), record.eventTime)
