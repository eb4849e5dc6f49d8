"""CloudWatch Logs subscription records, as Kinesis, Lambda and Firehose carry them."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.decode import DecodeLimits, Decoder
from daemon.errors import RejectReason
from daemon.event import Delivery, Event, Framing, LogLine, Rejection

LIMITS = DecodeLimits(max_event_bytes=4_096, max_document_bytes=1024**2)
CLOUDTRAIL = {
    "eventVersion": "1.08",
    "eventID": "11111111-2222-3333-4444-555555555555",
    "eventSource": "ec2.amazonaws.com",
    "eventName": "StopInstances",
    "eventType": "AwsApiCall",
    "eventTime": "2026-01-02T03:04:05Z",
    "awsRegion": "eu-west-1",
    "recipientAccountId": "111122223333",
}
EVENTBRIDGE = {
    "version": "0",
    "id": "99999999-2222-3333-4444-555555555555",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2026-01-02T03:04:05Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": {"state": "stopped"},
}


def log_event(message: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    return {"id": f"{number:056d}", "timestamp": 1_767_323_045_678, "message": message, **changes}


def record(*log_events: Any, **changes: Any) -> dict[str, Any]:
    whole = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "/app/web",
        "logStream": "i-1",
        "subscriptionFilters": ["all"],
        "logEvents": list(log_events),
    }
    return {**whole, **changes}


def decode(body: bytes, framing: Framing = Framing.DOCUMENT, limits: DecodeLimits = LIMITS) -> list[Event | Rejection]:
    delivery = Delivery(source="stream", identity="sqs:one", body=body, receipt=None, received_at=0.0, framing=framing)
    return list(Decoder(limits).decode(delivery))


def packed(*records: dict[str, Any]) -> bytes:
    """Return gzip members, one behind the other."""
    return b"".join(gzip.compress(json.dumps(one).encode()) for one in records)


def events(body: bytes, framing: Framing = Framing.DOCUMENT) -> list[Event]:
    found = [item for item in decode(body, framing) if isinstance(item, Event)]
    assert len(found) == len(decode(body, framing)), decode(body, framing)
    return found


def only(body: bytes) -> Event:
    (event,) = events(body)
    return event


def line(event: Event) -> LogLine:
    assert event.log is not None
    return event.log


def test_a_line_becomes_an_event_in_eventbridges_shape() -> None:
    """A plain log event is put under detail of an envelope, with all that the record says about it."""
    fields = {"ip": "10.0.0.1", "status": "404"}
    event = only(packed(record(log_event("10.0.0.1 404", extractedFields=fields))))

    assert event.document() == {
        "version": "0",
        "id": f"{1:056d}",
        "detail-type": "CloudWatch Logs Log Event",
        "source": "aws.logs",
        "account": "111122223333",
        "time": "2026-01-02T03:04:05Z",
        "region": "",
        "resources": [],
        "detail": {
            "logGroup": "/app/web",
            "logStream": "i-1",
            "subscriptionFilters": ["all"],
            "timestamp": 1_767_323_045_678,
            "message": "10.0.0.1 404",
            "extractedFields": fields,
        },
    }
    assert event.identity == f"logs:{1:056d}"
    assert event.time == "2026-01-02T03:04:05Z"
    assert (line(event).group, line(event).stream, line(event).message) == ("/app/web", "i-1", "10.0.0.1 404")


def test_every_log_event_is_an_event() -> None:
    """A record's log events come in their order, each under its own id."""
    found = events(packed(record(*(log_event(f"line {number}", number) for number in range(200)))))

    assert [line(event).message for event in found] == [f"line {number}" for number in range(200)]
    assert len({event.identity for event in found}) == 200


def test_a_control_message_is_an_empty_delivery() -> None:
    """What only probes the destination yields nothing, and is no fault."""
    probe = record(log_event("CWL CONTROL MESSAGE: Checking health of destination Kinesis stream.", id=""))

    assert decode(packed({**probe, "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs"})) == []


@pytest.mark.parametrize(
    ("group", "named"),
    [
        ("CloudTrail/logs", None),
        ("aws-cloudtrail-logs-111122223333-0a1b2c3d", None),
        ("/aws/events/all", None),
        ("audit", ("audit",)),
        ("shared/trail", ("audit", "shared/*")),
    ],
)
def test_a_trails_log_group_gives_cloudtrail_events(group: str, named: tuple[str, ...] | None) -> None:
    """A CloudTrail record is the event that EventBridge would have delivered, identity and all, with its line."""
    message = json.dumps(CLOUDTRAIL)
    body = packed(record(log_event(message), logGroup=group))
    (event,) = decode(body, limits=DecodeLimits(event_log_groups=named))
    assert isinstance(event, Event)

    assert event.identity == "cloudtrail:11111111-2222-3333-4444-555555555555"
    assert event.document()["detail"] == CLOUDTRAIL
    assert event.document()["detail-type"] == "AWS API Call via CloudTrail"
    assert event.time == "2026-01-02T03:04:05Z"
    assert (line(event).group, line(event).message) == (group, message)


def test_eventbridges_log_group_gives_its_events() -> None:
    """An EventBridge event that a rule wrote to a log group is that event, byte for byte."""
    message = json.dumps(EVENTBRIDGE)
    event = only(packed(record(log_event(message), logGroup="/aws/events/ec2")))

    assert event.identity == "eventbridge:99999999-2222-3333-4444-555555555555"
    assert event.body == message.encode()
    assert line(event).message == message


def test_an_event_without_an_id_goes_by_its_log_events() -> None:
    """Two such events in a group that holds events are two, under the ids that CloudWatch Logs gave them."""
    message = json.dumps({**EVENTBRIDGE, "id": ""})
    found = events(packed(record(log_event(message, 1), log_event(message, 2), logGroup="/aws/events/ec2")))

    assert [event.identity for event in found] == [f"logs:{1:056d}", f"logs:{2:056d}"]
    assert [event.body for event in found] == [message.encode()] * 2


@pytest.mark.parametrize("message", [json.dumps(CLOUDTRAIL), json.dumps(EVENTBRIDGE)])
@pytest.mark.parametrize(
    ("group", "named"),
    [
        ("shared", None),
        ("/aws/lambda/cloudtrail-copier", None),
        ("shared", ("audit", "shared/*")),
        ("cloudtrail-of-mine", ("audit",)),
        ("/aws/events/mine", ()),
    ],
)
def test_no_line_of_an_application_passes_for_an_event(message: str, group: str, named: tuple[str, ...] | None) -> None:
    """Whoever can have lines logged cannot forge events, nor use up the identity of a real one, in any stream."""
    body = packed(record(log_event(message), logGroup=group, logStream="111122223333_CloudTrail_eu-west-1"))
    (event,) = decode(body, limits=DecodeLimits(event_log_groups=named))

    assert isinstance(event, Event)
    assert event.identity == f"logs:{1:056d}"
    assert event.document()["source"] == "aws.logs"
    assert event.document()["detail"]["message"] == message


@pytest.mark.parametrize(
    "message",
    ["{", '{"eventID":5}', '{"a":' * 3_000, '{"eventID":"a"}', json.dumps({**EVENTBRIDGE, "detail": 5})],
)
def test_what_is_no_event_in_a_trails_log_group_is_a_line(message: str) -> None:
    """A message that only begins like a CloudTrail record is delivered as the line that it is."""
    event = only(packed(record(log_event(message[:4_000]), logGroup="cloudtrail")))

    assert event.document()["source"] == "aws.logs"
    assert line(event).message == message[:4_000]


def test_several_gzip_members_are_read_one_after_the_other() -> None:
    """Members joined in one piece hold one record each."""
    body = packed(record(log_event("a", 1)), record(log_event("b", 2), log_event("c", 3)))

    assert [line(event).message for event in events(body)] == ["a", "b", "c"]


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n", b" \n "])
@pytest.mark.parametrize("is_packed", [True, False])
def test_joined_documents_are_read_one_after_the_other(between: bytes, is_packed: bool) -> None:  # noqa: FBT001
    """Records of several kinds, joined as Firehose joins them, each give their own."""
    tricky = log_event('}{"messageType":"x"} {"a', 2)
    documents = [record(log_event("a", 1), tricky), EVENTBRIDGE, {"x": "}{"}, {"x": 2}, record(log_event("b", 3))]
    body = between.join(json.dumps(one).encode() for one in documents) + between
    found = events(gzip.compress(body) if is_packed else body)

    lines = [event.log and event.log.message for event in found]
    assert lines == ["a", tricky["message"], None, None, None, "b"]
    assert len({event.identity for event in found}) == 6


def test_a_bad_document_among_joined_ones_is_rejected_alone() -> None:
    """What is broken is said with its place; those around it are read."""
    body = b'{"a":1}{"b":}{"c":3}'
    first, second, third = decode(body)

    assert isinstance(first, Event)
    assert isinstance(second, Rejection)
    assert isinstance(third, Event)
    assert (second.identity, second.reason, second.body) == ("sqs:one+7", RejectReason.NOT_JSON, b'{"b":}')


def test_base64_around_gzip_and_lambdas_input_are_unpacked() -> None:
    """A record comes as SQS can carry it: in base64, bare or as Lambda is given it."""
    text = base64.b64encode(packed(record(log_event("a"))))

    assert line(only(text)).message == "a"
    assert line(only(json.dumps({"awslogs": {"data": text.decode()}}).encode())).message == "a"


def test_any_order_of_names_is_recognised() -> None:
    """A record is known by its fields, not by what comes first; so is one larger than an event may be."""
    whole = record(*(log_event("x" * 1_000, number) for number in range(20)))

    assert len(events(json.dumps(dict(reversed(whole.items()))).encode())) == 20


def test_system_fields_give_region_and_resource() -> None:
    """A subscription filter that emits system fields says where the log group is."""
    fields = {"@aws.region": "cn-north-1", "@aws.account": "444455556666"}
    document = only(packed(record(log_event("a", extractedFields=fields)))).document()

    assert (document["region"], document["account"]) == ("cn-north-1", "444455556666")
    assert document["resources"] == ["arn:aws-cn:logs:cn-north-1:444455556666:log-group:/app/web"]


def test_an_old_record_has_its_timestamp_as_text() -> None:
    """A timestamp may be a string of digits; a log event without id is named by its bytes."""
    first = only(packed(record(log_event("a", id="", timestamp="1767323045678"))))
    second = only(packed(record(log_event("b", id="", timestamp="1767323045678"))))

    assert first.time == "2026-01-02T03:04:05Z"
    assert first.document()["detail"]["timestamp"] == 1_767_323_045_678
    assert first.identity.startswith("hash:")
    assert first.identity != second.identity


@pytest.mark.parametrize("timestamp", [10**18, -(10**18)])
def test_a_time_that_no_calendar_has_is_left_out(timestamp: int) -> None:
    """A log event from beyond the calendar is delivered all the same."""
    assert only(packed(record(log_event("a", timestamp=timestamp)))).time == ""


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (log_event("x" * 4_097), RejectReason.TOO_LARGE),
        (log_event("é" * 2_049), RejectReason.TOO_LARGE),
        (log_event("a", timestamp="soon"), RejectReason.BAD_ENVELOPE),
        (log_event("a", timestamp="9" * 5_000), RejectReason.BAD_ENVELOPE),
        ({"id": "1", "timestamp": 1}, RejectReason.BAD_ENVELOPE),
        ({"id": "1", "message": 5}, RejectReason.BAD_ENVELOPE),
        ("text", RejectReason.BAD_ENVELOPE),
    ],
)
def test_a_bad_log_event_among_good_ones_is_rejected_alone(bad: Any, reason: RejectReason) -> None:
    """The others are delivered, and the rejection carries the log event alone."""
    first, second, third = decode(packed(record(log_event("a"), bad, log_event("c"))))

    assert isinstance(first, Event)
    assert isinstance(second, Rejection)
    assert isinstance(third, Event)
    assert second.reason is reason
    assert json.loads(second.body) == bad


@pytest.mark.parametrize("odd", [b"\\ud800", b"\\udc80\\ud83d", b"\xff", b"\xed\xa0\x80"])
def test_what_is_no_character_becomes_the_replacement_character(odd: bytes) -> None:
    """Half a surrogate pair, or bytes that are not UTF-8, spoil neither their record nor their log event."""
    body = json.dumps(record(log_event("half MARK \U0001f600", 1), log_event("b", 2), 5)).encode().replace(b"MARK", odd)
    first, second, third = decode(body)

    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert isinstance(third, Rejection)
    assert set(line(first).message) == set("half \ufffd\U0001f600")
    assert first.document()["detail"]["message"] == line(first).message
    assert line(second).message == "b"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (json.dumps(record(messageType="OTHER_MESSAGE")).encode(), RejectReason.BAD_ENVELOPE),
        (json.dumps(record(logEvents=5)).encode(), RejectReason.BAD_ENVELOPE),
        (json.dumps(record(log_event("a"))).encode()[:-1], RejectReason.NOT_JSON),
        (packed(record(log_event("a")))[:-9], RejectReason.BAD_GZIP),
        (packed(record(log_event("a" * 2_000_000))), RejectReason.TOO_LARGE),
        (b'{"awslogs":{"data":5}}', RejectReason.BAD_ENVELOPE),
    ],
)
def test_a_record_that_cannot_be_read_is_rejected_with_its_reason(body: bytes, reason: RejectReason) -> None:
    """What cannot be taken apart is one rejection, with the bytes as they came."""
    (rejection,) = decode(body)

    assert isinstance(rejection, Rejection)
    assert (rejection.reason, rejection.body) == (reason, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    changes=st.dictionaries(st.sampled_from(sorted(record())), JSON),
    log_events=st.lists(JSON | st.just(log_event("a"))),
)
def test_no_record_makes_it_raise(changes: dict[str, Any], log_events: list[Any]) -> None:
    """Whatever stands in a record's fields, there are events or rejections."""
    body = json.dumps({**record(*log_events), **changes}).encode()

    assert all(isinstance(item, Event | Rejection) for item in decode(body))


@given(st.binary(max_size=60), st.integers(0, 200))
def test_no_bytes_make_it_raise(insert: bytes, place: int) -> None:
    """Bytes in the middle of a record end in events or rejections."""
    body = json.dumps(record(log_event("a"))).encode()

    assert all(isinstance(item, Event | Rejection) for item in decode(body[:place] + insert + body[place:]))
