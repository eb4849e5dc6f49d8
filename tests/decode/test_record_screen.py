"""The screen only saves work: what it lets through, and what it counts, is what reading every record would give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from daemon.decode import DecodeLimits, Decoder
from daemon.event import Delivery, Event, LogRecord, Rejection, Unwanted
from daemon.match import Matcher

COMPACT = (",", ":")

RULES = Matcher(
    {
        "stopped": {"detail": {"eventName": ["StopLogging"]}},
        "mine": {"detail": {"eventName": ["PutObject"], "requestParameters": {"bucketName": ["mine"]}}},
        "root": {"detail": {"userIdentity": {"type": ["Root"]}}},
    }
)


def record(event_id: str, **changes: Any) -> dict[str, Any]:
    """Return a record spelled in CloudTrail's own order; a change to None leaves the field out."""
    whole = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser"},
        "eventTime": "2026-01-02T03:04:05Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "eu-west-1",
        "requestParameters": None,
        "eventID": event_id,
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def delivery(document: bytes) -> Delivery:
    return Delivery(source="files", identity="file:a.json:0", body=document, receipt=None, received_at=0.0)


def log_file(records: list[Any], **spelling: Any) -> bytes:
    return json.dumps({"Records": records}, **spelling).encode("utf-8", "surrogatepass")


TRAIL = "CloudTrail/all"
WATCHED = "CloudTrail/watched"
"""Whose lines rules look at."""


def watched(group: str, record: LogRecord) -> list[bool] | None:
    """Look, in the place of `log:` rules, for lines of one group that speak of Decrypt."""
    return ["Decrypt" in message for message in record.messages] if group == WATCHED else None


def subscription(lines: list[str], group: str) -> bytes:
    """Return a record of CloudWatch Logs as it comes from a subscription."""
    whole = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": group,
        "logStream": "one",
        "subscriptionFilters": ["all"],
        "logEvents": [{"id": f"{n:056}", "timestamp": 1, "message": line} for n, line in enumerate(lines)],
    }
    return json.dumps(whole, separators=COMPACT).encode("utf-8", "surrogatepass")


def found(items: Iterator[Event | Unwanted | Rejection]) -> tuple[list[tuple[str, bytes, list[str]]], list[str], int]:
    """Return what matched, why others were rejected, and how many there were in all."""
    matched, rejected, count = [], [], 0
    for item in items:
        if isinstance(item, Unwanted):
            count += item.events
            continue
        count += 1
        if isinstance(item, Rejection):
            rejected.append(f"{item.reason} {item.detail}")
        elif names := RULES.match(item.body):
            matched.append((item.identity, item.body, names))
    return matched, rejected, count


def screened_and_not(document: bytes) -> tuple[object, object]:
    decoder = Decoder(DecodeLimits())
    screened = found(decoder.decode_wanted(delivery(document), RULES.screen, watched))
    return screened, found(iter(decoder.decode(delivery(document))))


def test_unwanted_records_are_only_counted() -> None:
    """Of the first file already, the records no rule can match come as one count with their identities, the others as
    events.
    """
    document = log_file(
        [record("a"), record("b", eventName="StopLogging"), record("c"), record("c")], separators=COMPACT
    )
    unwanted, event = Decoder(DecodeLimits()).decode_wanted(delivery(document), RULES.screen)
    assert isinstance(unwanted, Unwanted)
    assert (unwanted.identities, unwanted.events) == ({"cloudtrail:a", "cloudtrail:c"}, 3)
    assert isinstance(event, Event)
    assert event.document()["detail"] == record("b", eventName="StopLogging")


LOOKALIKE = record("wanted", eventName="Decoy")
PARTS = st.sampled_from(
    [
        record("wanted", eventName="StopLogging"),
        record("é", eventName="StopLogging"),
        record('quo"ted', eventName="StopLogging"),
        record("s3", eventName="PutObject", requestParameters={"bucketName": "mine"}),
        record("s3-other", eventName="PutObject", requestParameters={"bucketName": "theirs"}),
        record("holder", eventName="StopLogging", requestParameters={"copies": [LOOKALIKE, LOOKALIKE, LOOKALIKE]}),
        record("quiet-holder", requestParameters={"copies": [LOOKALIKE, LOOKALIKE], "eventID": "wanted"}),
        record("text", requestParameters={"text": ',{"eventVersion":"1.08","eventID":"wanted"'}),
        record("root", userIdentity={"type": "Root"}),
        record("nobody", userIdentity=None),
        record("odd-identity", userIdentity={"type": ["Root", 1]}),
        record("long", eventName="x" * 300),
        {"eventID": "late", **record("late", eventName="StopLogging")},
        record("quiet"),
        record("quiet", eventName="Decrypt"),
        record("typed", awsRegion=7),
        record("", eventName="StopLogging"),
        {"eventName": "ObjectCreated:Put", "s3": {}},
        5,
    ]
)
SPELLINGS = st.sampled_from(
    [
        {"separators": COMPACT},
        {"separators": COMPACT, "ensure_ascii": False},
        {"indent": 1},
        {"separators": (", ", ": ")},
    ]
)


@given(st.lists(PARTS, max_size=6), SPELLINGS)
@example([record("wanted", eventName="StopLogging")], {"separators": COMPACT})
def test_a_screen_changes_nothing_but_the_work(records: list[Any], spelling: dict[str, Any]) -> None:
    """Whatever a file holds and however it is spelled: the same matches byte for byte, rejections and count."""
    screened, unscreened = screened_and_not(log_file(records, **spelling))
    assert screened == unscreened


@given(st.lists(PARTS, min_size=1, max_size=4), st.data())
def test_a_damaged_file_is_not_screened_otherwise_than_read(records: list[Any], data: st.DataObject) -> None:
    """A file cut off or with a byte changed gives the same as without a screen."""
    document = bytearray(log_file(records, separators=COMPACT))
    at = data.draw(st.integers(0, len(document) - 1))
    if data.draw(st.booleans()):
        del document[at:]
    else:
        document[at] = data.draw(st.integers(0, 255))
    screened, unscreened = screened_and_not(bytes(document))
    assert screened == unscreened


def test_records_too_large_are_rejected_under_names_of_their_own() -> None:
    """Two of one file, which a rule would match, leave two dead letters, screened or not."""
    document = log_file(
        [record("a"), *(record(name, eventName="StopLogging", x="x" * 2_000) for name in "bc")], separators=COMPACT
    )
    for screen in (RULES.screen, ()):
        items = Decoder(DecodeLimits(max_event_bytes=1_024)).decode_wanted(delivery(document), screen)
        found = [item.identity for item in items if isinstance(item, Rejection)]

        assert found == ["file:a.json:0+1", "file:a.json:0+2"]


def test_unwanted_log_lines_are_only_counted() -> None:
    """Of CloudTrail's lines in a log group, those no rule can match come as one count, the others as events."""
    lines = [json.dumps(record(name)) for name in ("a", "c")] + [json.dumps(record("b", eventName="StopLogging"))]
    items = list(Decoder(DecodeLimits()).decode_wanted(delivery(subscription(lines, TRAIL)), RULES.screen))
    (unwanted, event) = items
    assert isinstance(unwanted, Unwanted)
    assert (unwanted.identities, unwanted.events) == ({"cloudtrail:a", "cloudtrail:c"}, 2)
    assert isinstance(event, Event)
    assert (event.identity, event.log and event.log.message) == ("cloudtrail:b", lines[2])


def test_lines_that_rules_look_for_are_not_ruled_out() -> None:
    """Of a log group that rules look at, the lines they look for come as events, the others by names of their own."""
    lines = [json.dumps(record("a", eventName="Decrypt")), json.dumps(record("b"))]
    document = delivery(subscription(lines, WATCHED))
    (unwanted, event) = Decoder(DecodeLimits()).decode_wanted(document, RULES.screen, watched)
    assert isinstance(unwanted, Unwanted)
    assert (unwanted.identities, unwanted.events) == ({"cloudtrail:b in CloudTrail/watched"}, 1)
    assert isinstance(event, Event)
    assert event.identity == "cloudtrail:a"


def test_where_there_is_no_pattern_only_lines_count() -> None:
    """Rules that only look at lines need no event made of any other."""
    screen = Matcher({}).screen
    lines = [json.dumps(record("a", eventName="Decrypt")), json.dumps(record("b"))]
    decoder = Decoder(DecodeLimits())
    kinds = [type(item) for item in decoder.decode_wanted(delivery(subscription(lines, WATCHED)), screen, watched)]
    assert kinds == [Unwanted, Event]
    (unwanted,) = decoder.decode_wanted(delivery(log_file([record("a"), record("b")])), screen, watched)
    assert isinstance(unwanted, Unwanted)
    assert unwanted.identities == {"cloudtrail:a", "cloudtrail:b"}


LINES = PARTS.map(json.dumps) | st.sampled_from(["", "plain", "{", " " + json.dumps(record("blank before")), "é", "[]"])


@given(st.lists(LINES, max_size=6), st.sampled_from([TRAIL, WATCHED, "/app/web"]))
def test_a_screen_changes_nothing_for_log_lines_but_the_work(lines: list[str], group: str) -> None:
    """Whatever the lines of a group are: the same matches byte for byte, rejections and count."""
    screened, unscreened = screened_and_not(subscription(lines, group))
    assert screened == unscreened
