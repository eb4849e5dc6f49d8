from __future__ import annotations

import base64
import gzip
import json
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.decode import DecodeLimits, Decoder
from daemon.decode.limits import UnknownJson
from daemon.errors import RejectReason
from daemon.event import Delivery, Event, Framing, Rejection

LIMITS = DecodeLimits(max_event_bytes=64 * 1024, max_document_bytes=1024**2)


def delivery(body: bytes, **changes: Any) -> Delivery:
    whole: dict[str, Any] = {
        "source": "queue",
        "identity": "sqs:message-1",
        "body": body,
        "receipt": None,
        "received_at": 1_700_000_000.0,
    }
    return Delivery(**{**whole, **changes})


def decode(body: bytes, **changes: Any) -> list[Event | Rejection]:
    return list(Decoder(LIMITS).decode(delivery(body, **changes)))


def record(**changes: Any) -> dict[str, Any]:
    whole = {
        "eventVersion": "1.08",
        "eventID": "11111111-2222-3333-4444-555555555555",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "StopInstances",
        "eventType": "AwsApiCall",
        "eventTime": "2026-01-02T03:04:05Z",
        "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
    }
    return {**whole, **changes}


def eventbridge(detail: Any, **changes: Any) -> dict[str, Any]:
    whole = {
        "version": "0",
        "id": "99999999-2222-3333-4444-555555555555",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": "111122223333",
        "time": "2026-01-02T03:04:05Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    }
    return {**whole, **changes}


def sns(message: str, **changes: Any) -> dict[str, Any]:
    whole = {
        "Type": "Notification",
        "MessageId": "aaaa",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:events",
        "Message": message,
        "Timestamp": "2026-01-02T03:04:05.000Z",
    }
    return {**whole, **changes}


def only_event(items: list[Event | Rejection]) -> Event:
    (item,) = items
    assert isinstance(item, Event), item
    return item


def only_rejection(items: list[Event | Rejection]) -> Rejection:
    (item,) = items
    assert isinstance(item, Rejection), item
    return item


def test_an_eventbridge_event_passes_byte_for_byte() -> None:
    """An EventBridge event is handed on as it came, under its id."""
    body = json.dumps(eventbridge({"state": "stopped"}, **{"detail-type": "EC2 Instance State-change Notification"}))
    event = only_event(decode(body.encode()))

    assert body.encode() == event.body
    assert event.identity == "eventbridge:99999999-2222-3333-4444-555555555555"
    assert event.time == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize("source", ["my.app", "aws.partner/example.com/a", "aws", ""])
def test_only_aws_itself_speaks_for_cloudtrail(source: str) -> None:
    """Nobody who may put events can use up the identity of a CloudTrail record: PutEvents takes `aws.` from nobody."""
    forged = only_event(decode(json.dumps(eventbridge(record(), source=source)).encode()))
    real = only_event(decode(json.dumps(eventbridge(record())).encode()))

    assert forged.identity == "eventbridge:99999999-2222-3333-4444-555555555555"
    assert real.identity == f"cloudtrail:{record()['eventID']}"


@pytest.mark.parametrize("detail", [{"state": "stopped"}, record(eventID="")])
def test_an_event_without_an_id_goes_by_what_carried_it(detail: dict[str, Any]) -> None:
    """Events of a producer that leaves the id empty are not taken for one another, but known when they come again."""
    body = json.dumps(eventbridge(detail, id="")).encode()
    names = [
        only_event(decode(body, identity=name, attempt=attempt)).identity
        for attempt, name in enumerate(["sqs:a", "sqs:b", "sqs:a"])
    ]

    assert names == ["sqs:a", "sqs:b", "sqs:a"]


@pytest.mark.parametrize("kind", ['"ORDER"', "5", '"DATA"'])
def test_anybodys_json_may_have_a_message_type(kind: str) -> None:
    """A document that begins like a record of CloudWatch Logs and is none is JSON as any other."""
    body = b'{"messageType":%b,"order":7}' % kind.encode()
    event = only_event(decode(body))

    assert (event.document()["source"], event.document()["detail"]) == ("vigild.json", json.loads(body))


def test_a_cloudtrail_record_gets_the_envelope_of_eventbridge() -> None:
    """A bare record becomes the event that EventBridge would have delivered for it."""
    event = only_event(decode(json.dumps(record()).encode()))

    assert eventbridge(record(), id=record()["eventID"]) == event.document()


@pytest.mark.parametrize(
    ("event_type", "detail_type"),
    [
        ("AwsApiCall", "AWS API Call via CloudTrail"),
        ("AwsServiceEvent", "AWS Service Event via CloudTrail"),
        ("AwsConsoleSignIn", "AWS Console Sign In via CloudTrail"),
        ("AwsConsoleAction", "AWS Console Action via CloudTrail"),
        ("AwsCloudTrailInsight", "AWS Insight via CloudTrail"),
        ("AwsFuture", "AWS Event via CloudTrail"),
    ],
)
def test_the_event_type_gives_the_detail_type(event_type: str, detail_type: str) -> None:
    """CloudTrail's eventType decides the envelope's detail-type."""
    event = only_event(decode(json.dumps(record(eventType=event_type)).encode()))

    assert detail_type == event.document()["detail-type"]


def test_one_identity_over_all_paths() -> None:
    """A CloudTrail event is the same whether it comes bare, in a log file, through EventBridge, or through SNS."""
    bare = json.dumps(record())
    paths = [
        bare.encode(),
        gzip.compress(json.dumps({"Records": [record()]}).encode()),
        base64.b64encode(gzip.compress(bare.encode())),
        json.dumps(eventbridge(record())).encode(),
        json.dumps(sns(bare)).encode(),
        json.dumps(sns(json.dumps(sns(bare)))).encode(),
        b"\xef\xbb\xbf" + bare.encode(),
    ]

    assert {only_event(decode(path)).identity for path in paths} == {f"cloudtrail:{record()['eventID']}"}


def test_a_log_file_yields_its_records_in_order() -> None:
    """Each record of a CloudTrail file is an event."""
    records = [record(eventID=f"id-{number}") for number in range(5)]
    items = decode(gzip.compress(json.dumps({"Records": records}, indent=1).encode()))

    assert [item.identity for item in items] == [f"cloudtrail:id-{number}" for number in range(5)]


def test_an_empty_log_file_holds_no_event() -> None:
    """CloudTrail may deliver a file without records: nothing to do, nothing to reject."""
    assert decode(b'{"Records":[]}') == []


def test_bad_records_do_not_take_good_ones_with_them() -> None:
    """Among records, each wrong one is rejected for its own reason and the others go on."""
    records: list[Any] = [
        record(eventID="first"),
        "text",
        record(eventID=7),
        record(eventID="big", requestParameters={"x": "y" * 70_000}),
        record(eventID="last", awsRegion=None),
        record(eventID="last"),
    ]
    items = decode(json.dumps({"Records": records}).encode())

    assert [item.reason if isinstance(item, Rejection) else item.identity for item in items] == [
        "cloudtrail:first",
        RejectReason.NOT_AN_OBJECT,
        RejectReason.BAD_ENVELOPE,
        RejectReason.TOO_LARGE,
        RejectReason.BAD_ENVELOPE,
        "cloudtrail:last",
    ]


def test_records_of_other_services_are_unknown_json() -> None:
    """A stream's batch of changes has Records too, but not CloudTrail's."""
    notification = {"eventVersion": "1.1", "eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {}}
    event = only_event(decode(json.dumps({"Records": [notification]}).encode()))

    assert event.document()["source"] == "vigild.json"
    assert notification == event.document()["detail"]


@pytest.mark.parametrize("body", [b'{"level":"error"}', b'{"Records":[{"eventSource":"aws:dynamodb"}]}'])
def test_unknown_json_is_rejected_where_nobody_wants_it(body: bytes) -> None:
    """With `unknown_json: reject` it has a reason of its own, alone and among records."""
    decoder = Decoder(DecodeLimits(unknown_json=UnknownJson.REJECT))
    (item,) = decoder.decode(delivery(body))

    assert isinstance(item, Rejection)
    assert item.reason is RejectReason.UNKNOWN_SHAPE


def test_unknown_json_is_wrapped_and_named_by_its_message() -> None:
    """Any JSON object becomes matchable under `detail`, with the message's own identity."""
    event = only_event(decode(b'{"level":"error","detail":"text"}'))

    assert event.identity == "sqs:message-1"
    assert event.document()["detail"] == {"level": "error", "detail": "text"}
    assert event.time == "2023-11-14T22:13:20Z"


def test_lines_are_read_each_for_itself() -> None:
    """NDJSON: blank lines are passed over, bad ones rejected, equal ones share the identity of their bytes."""
    body = b'{"a":1}\n\n  {"a":2}  \r\nnot json\n{"a":1}'
    items = decode(body, framing=Framing.LINES, identity="file:x:0")

    assert [type(item) for item in items] == [Event, Event, Rejection, Event]
    assert items[0].identity == items[3].identity != items[1].identity


def test_lines_are_cut_off_one_after_the_other() -> None:
    """A piece of a million lines, in a few kilobytes of gzip, takes no more memory for them before they are read."""
    packed = gzip.compress(b"{}\n" * 1_000_000)
    items = Decoder(DecodeLimits()).decode(delivery(packed, framing=Framing.LINES))
    tracemalloc.start()
    first = next(items)
    (_, peak) = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert isinstance(first, Event)
    assert peak < 15 * 1024**2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", RejectReason.EMPTY),
        (b" \n ", RejectReason.EMPTY),
        (gzip.compress(b"", mtime=0), RejectReason.EMPTY),
        (gzip.compress(b'{"a":1}', mtime=0)[:-5], RejectReason.BAD_GZIP),
        (gzip.compress(b'{"a":1}', mtime=0)[:8], RejectReason.BAD_GZIP),
        (b"\x1f\x8bgarbage that is no gzip", RejectReason.BAD_GZIP),
        (b"H4sIAAAA!!!", RejectReason.BAD_GZIP),
        (gzip.compress(b" " * 2 * 1024**2, mtime=0), RejectReason.TOO_LARGE),
        (b'{"a":"' + b"x" * 70_000 + b'"}', RejectReason.TOO_LARGE),
        (b'{"a":"' + b"x" * 2_000_000 + b'"}', RejectReason.TOO_LARGE),
        (b'{"a":"\xff\xfe"}', RejectReason.NOT_UTF8),
        (b'{"Records":[{"a":"\xff\xfe"}]}', RejectReason.NOT_UTF8),
        (b"hello", RejectReason.NOT_JSON),
        (b'{"a":1', RejectReason.NOT_JSON),
        (b'{"a":1} trailing', RejectReason.NOT_JSON),
        (b'{"a":NaN}', RejectReason.NOT_JSON),
        (b"[1,2]", RejectReason.NOT_AN_OBJECT),
        (b'"text"', RejectReason.NOT_AN_OBJECT),
        (b"null", RejectReason.NOT_AN_OBJECT),
        (b'{"Records":5}', RejectReason.BAD_ENVELOPE),
        (b'{"Records":{"a":1}}', RejectReason.BAD_ENVELOPE),
        (json.dumps(eventbridge({}, id=5)).encode(), RejectReason.BAD_ENVELOPE),
        (json.dumps(eventbridge("text")).encode(), RejectReason.BAD_ENVELOPE),
        (json.dumps(eventbridge({}, source=None)).encode(), RejectReason.BAD_ENVELOPE),
        (json.dumps(eventbridge({}, time=12)).encode(), RejectReason.BAD_ENVELOPE),
        (json.dumps(sns("not json")).encode(), RejectReason.NOT_JSON),
        (json.dumps(sns("")).encode(), RejectReason.EMPTY),
        (json.dumps(sns("{}", Message={"a": 1})).encode(), RejectReason.BAD_ENVELOPE),
    ],
)
def test_what_cannot_be_read_is_rejected_with_its_reason(body: bytes, reason: RejectReason) -> None:
    """Each kind of bad input has its own reason, and its bytes are kept."""
    rejection = only_rejection(decode(body))

    assert reason == rejection.reason
    assert rejection.detail


def test_what_is_nested_deeper_than_the_parsers_go_is_rejected() -> None:
    """Before the stack ends, however a Python measures it: in levels up to 3.13, then in bytes."""
    decoder = Decoder(DecodeLimits(max_event_bytes=1024**2, max_document_bytes=1024**2))
    body = b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}"
    default = threading.stack_size(1024**2)
    try:
        with ThreadPoolExecutor(1) as thread:
            items = thread.submit(lambda: list(decoder.decode(delivery(body)))).result()
    finally:
        threading.stack_size(default)

    assert only_rejection(items).reason == RejectReason.TOO_DEEP


@pytest.mark.parametrize("body", [b'{"a":1e400}', b'{"a":1,"a":2}', b'{"a":-0.0,"b":123456789012345678901234567890}'])
def test_odd_but_valid_json_is_no_fault(body: bytes) -> None:
    """Numbers beyond any machine's and keys given twice are valid JSON (RFC 8259) and go on to the matcher."""
    only_event(decode(body))


def test_several_gzip_members_are_one_document() -> None:
    """Members written one after the other read as one stream, padding after them is ignored."""
    text = json.dumps({"Records": [record()]}).encode()
    body = gzip.compress(text[:20]) + gzip.compress(text[20:]) + b"\x00" * 10

    assert only_event(decode(body)).identity.startswith("cloudtrail:")


def test_what_the_source_could_not_hand_over_is_rejected() -> None:
    """A source says with an attribute that a file is unreadable or a line too long."""
    assert only_rejection(decode(b"", attributes={"unreadable": "Permission denied"})).reason == RejectReason.UNREADABLE
    assert only_rejection(decode(b"{", attributes={"oversize": "999999"})).reason == RejectReason.TOO_LARGE


def test_header_fields_cannot_break_out_of_the_envelope() -> None:
    """Hostile header values stay inside their strings."""
    hostile = record(eventID='x","source":"aws.iam', eventSource='y","detail":{"a":1},"z":"', awsRegion="\\")
    document = only_event(decode(json.dumps(hostile).encode())).document()

    assert hostile == document["detail"]
    assert document["id"] == hostile["eventID"]
    assert document["region"] == "\\"


@given(st.binary(max_size=300))
def test_any_bytes_give_events_or_rejections(body: bytes) -> None:
    """Whatever arrives, decoding ends without an exception, and every event is an object with a source."""
    for framing in Framing:
        for item in decode(body, framing=framing):
            if isinstance(item, Event):
                assert "source" in item.document()


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(
        [
            "Records",
            "detail",
            "detail-type",
            "source",
            "id",
            "time",
            "Type",
            "Message",
            "TopicArn",
            "eventID",
            "eventType",
        ]
    ),
    _JSON,
)
def test_wrong_types_in_envelopes_never_raise(field: str, value: Any) -> None:
    """Any value in any envelope field gives events or typed rejections."""
    for whole in (eventbridge(record()), record(eventSource="s3.amazonaws.com"), sns("{}"), {"Records": [record()]}):
        assert decode(orjson.dumps({**whole, field: value})) or field == "Records"


@pytest.mark.parametrize("record", [b"1,", b"{},", b'"",', b"[[],[]],"])
def test_a_file_crowded_with_tiny_records_takes_no_more_memory_than_one_of_its_size(record: bytes) -> None:
    """Millions of values in a few megabytes are refused before each of them becomes an object."""
    body = b'{"Records":[' + record * (8 * 1024**2 // len(record)) + b"1]}"
    tracemalloc.start()
    rejection = only_rejection(list(Decoder(DecodeLimits()).decode(delivery(body))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (rejection.reason, peak < 40 * 1024**2) == (RejectReason.TOO_LARGE, True), peak
