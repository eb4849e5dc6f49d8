"""EventBridge events: already in the shape that flows through the daemon, so they only get their identity.

shapes.py calls name_event.  Rule: https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html
"""

from __future__ import annotations

import msgspec

from daemon.dedupe.identity import cloudtrail_identity, eventbridge_identity
from daemon.event import Event, LogLine


class _Detail(msgspec.Struct):
    eventID: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    eventType: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class EventBridgeEvent(msgspec.Struct):
    """The envelope with the types EventBridge promises; decoding into it is the check of those types."""

    source: str
    detail: _Detail
    detail_type: str = msgspec.field(name="detail-type")
    id: str
    time: str = ""
    account: str = ""
    region: str = ""


def name_event(document: bytes, event: EventBridgeEvent, log: LogLine | None = None) -> Event | None:
    """Return the event under its identity: CloudTrail's own where it carries a CloudTrail record.

    None for an event without an id, which EventBridge gives to each of its own: what carried it has to name it.
    """
    detail = event.detail
    if detail.eventID is not msgspec.UNSET and detail.eventType is not msgspec.UNSET and _is_of_aws(event.source):
        quoted = bytes(detail.eventID)
        if quoted[:1] == b'"' and len(quoted) > 2 and event.detail_type.endswith(" via CloudTrail"):
            return Event(cloudtrail_identity(quoted[1:-1].decode()), document, event.time, log=log)
    return Event(eventbridge_identity(event.id), document, event.time, log=log) if event.id else None


def _is_of_aws(source: str) -> bool:
    """Whether a service of AWS itself sent it: anybody else could use up the identity of a CloudTrail record to come.

    PutEvents takes `aws.` from nobody; `aws.partner/` is what partners send.
    """
    return source.startswith("aws.") and not source.startswith("aws.partner/")
