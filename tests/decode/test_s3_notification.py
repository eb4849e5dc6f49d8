"""S3's own notifications become the events that S3 sends to EventBridge."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from daemon.decode import DecodeLimits, Decoder
from daemon.errors import RejectReason
from daemon.event import Delivery, Event, Rejection


def notification(name: str = "ObjectCreated:Put", **changes: Any) -> dict[str, Any]:
    whole = {
        "eventVersion": "2.5",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-03-03T01:02:03.456Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AROAEXAMPLE:reports"},
        "requestParameters": {"sourceIPAddress": "10.0.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "all",
            "bucket": {
                "name": "reports",
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": "arn:aws:s3:::reports",
            },
            "object": {
                "key": "a+b/%C3%BCber.pdf",
                "size": 5,
                "eTag": "d41d8cd9",
                "versionId": "v1",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    return {**whole, **changes}


def decode(*records: Any) -> list[Event | Rejection]:
    body = orjson.dumps({"Records": records})
    delivery = Delivery(source="queue", identity="sqs:message-1", body=body, receipt=None, received_at=0.0)
    return list(Decoder(DecodeLimits()).decode(delivery))


def event_of(record: Any) -> Event:
    (event,) = decode(record)
    assert isinstance(event, Event), event
    return event


def test_a_notification_reads_as_eventbridge_has_it() -> None:
    """Names and places are EventBridge's, the key is no longer encoded, the account is nobody's."""
    event = event_of(notification())

    assert event.document() == {
        "version": "0",
        "id": event.identity,
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "",
        "time": "2026-03-03T01:02:03.456Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:s3:::reports"],
        "detail": {
            "bucket": {"name": "reports"},
            "object": {
                "key": "a b/über.pdf",
                "size": 5,
                "etag": "d41d8cd9",
                "version-id": "v1",
                "sequencer": "0055AED6DCD90281E5",
            },
            "event-name": "ObjectCreated:Put",
            "request-id": "C3D13FE58DE4C810",
            "source-ip-address": "10.0.0.1",
        },
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ObjectCreated:CompleteMultipartUpload", "Object Created"),
        ("ObjectRemoved:DeleteMarkerCreated", "Object Deleted"),
        ("ObjectRestore:Delete", "Object Restore Expired"),
        ("ObjectAcl:Put", "Object ACL Updated"),
        ("s3:ObjectAcl:Put", "Object ACL Updated"),
        ("ReducedRedundancyLostObject", "S3 Event Notification"),
        ("Replication:OperationFailedReplication", "S3 Event Notification"),
    ],
)
def test_each_kind_has_eventbridges_name(name: str, kind: str) -> None:
    """What EventBridge is told of too has its detail-type; the rest shares one, and its name stays."""
    event = event_of(notification(name)).document()

    assert (event["detail-type"], event["detail"]["event-name"]) == (kind, name.removeprefix("s3:"))


def test_the_same_event_has_one_identity() -> None:
    """Two configurations of a bucket tell of one event; another object's, or another event's, is another."""
    first = notification()
    again = {**first, "s3": {**first["s3"], "configurationId": "other"}}
    other = notification("ObjectAcl:Put")

    assert event_of(first).identity == event_of(again).identity != event_of(other).identity


def test_without_a_sequencer_the_message_names_it() -> None:
    """A lost object has none: place and message name the event then."""
    record = notification("ReducedRedundancyLostObject")
    del record["s3"]["object"]["sequencer"]
    first, second = decode(record, record)

    assert [first.identity, second.identity] == ["sqs:message-1+0", "sqs:message-1+1"]


@pytest.mark.parametrize(
    "broken", [{"s3": {}}, {"s3": {"bucket": {"name": 1}, "object": {"key": "a"}}}, {"eventName": None}, {"s3": None}]
)
def test_a_broken_record_is_rejected_and_the_next_goes_on(broken: dict[str, Any]) -> None:
    """A record that is not as S3 writes it has a reason, and does not take the others with it."""
    bad, good = decode(notification(**broken), notification())

    assert isinstance(bad, Rejection)
    assert bad.reason is RejectReason.BAD_ENVELOPE
    assert isinstance(good, Event)
