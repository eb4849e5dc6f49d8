"""What a target is sent about a match."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.dispatch.notices import Headline, build_notice
from daemon.dispatch.transform import InputTransformer
from daemon.errors import PermanentError
from daemon.event import Event
from daemon.sinks.base import Severity
from daemon.sinks.text import JSON, PLAIN_TEXT

KEY = "0" * 32
HEADLINE = Headline("open-ssh", Severity.CRITICAL, "SSH is open to the world")
EVENT = Event(
    identity="x", body=b'{ "account": "123456789012",\n"region": "us-east-1", "big": 1E400, "detail": {} }', time=""
)


def test_the_default_body() -> None:
    """The rule's own facts, and the event byte for byte: numbers no parser could hold stay what they are."""
    notice = build_notice(KEY, HEADLINE, EVENT, received_at=0.0)
    expected = (
        b'{"key":"00000000000000000000000000000000","rule":"open-ssh","severity":"critical",'
        b'"description":"SSH is open to the world","event":' + EVENT.body + b"}"
    )
    assert (notice.body, notice.content_type) == (expected, JSON)
    assert list(json.loads(notice.body)) == ["key", "rule", "severity", "description", "event"]


def test_copies_are_equal() -> None:
    """A notice built again, later, by another process, is the same."""
    assert build_notice(KEY, HEADLINE, EVENT, received_at=0.0) == build_notice(KEY, HEADLINE, EVENT, received_at=9.0)


def test_a_transformer_makes_the_body() -> None:
    """The transformer decides body and type; the rest stays."""
    transformer = InputTransformer({"account": "$.account"}, "in <account>")
    event = Event(identity="x", body=EVENT.body.replace(b"1E400", b"1"), time="")
    notice = build_notice(KEY, HEADLINE, event, received_at=0.0, transformer=transformer)
    assert (notice.body, notice.content_type) == (b"in 123456789012", PLAIN_TEXT)
    assert (notice.key, notice.rule, notice.severity) == (KEY, "open-ssh", Severity.CRITICAL)


def test_a_transformer_that_cannot_be_applied() -> None:
    """An event that cannot be parsed whole is reported as it is, or not at all."""
    event = Event(identity="x", body=b'{"detail":', time="")
    with pytest.raises(PermanentError):
        build_notice(KEY, HEADLINE, event, received_at=0.0, transformer=InputTransformer({}, "<aws.events.rule-arn>"))


def test_the_subject() -> None:
    """People see severity, rule, place and description."""
    subject = build_notice(KEY, HEADLINE, EVENT, received_at=0.0).subject
    assert subject == "[CRITICAL] open-ssh 123456789012/us-east-1: SSH is open to the world"


@given(st.text(st.characters(exclude_categories=[])), st.text(), st.text())
def test_every_subject_is_a_subject(description: str, account: str, region: str) -> None:
    """Whatever rule and event say, SNS takes the subject: under 100 characters, no control characters, no line end."""
    event = Event(identity="x", body=json.dumps({"account": account, "region": region}).encode(), time="")
    headline = Headline("r", Severity.LOW, description.encode(errors="replace").decode())
    subject = build_notice(KEY, headline, event, received_at=0.0).subject
    assert len(subject) < 100
    assert subject.isprintable()
    assert subject.startswith("[LOW] r ")
