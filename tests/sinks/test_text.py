"""What strangers write, made fit for terminals, files and queues."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.event import Event
from daemon.sinks.text import PLAIN_TEXT, json_line, json_text, message_text, place, printable
from tests.sinks.examples import HOSTILE_EVENT, notice

_ALLOWED_BY_SQS = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.text(st.characters(exclude_categories=[])))
def test_printable_text_is_printable(text: str) -> None:
    """Whatever goes in, surrogates included, what comes out is printable and can be encoded."""
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown


def test_printable_text_shows_what_was_there() -> None:
    """Every width of escape names the character; what was printable stays."""
    assert printable("a\x1b[2J \u202e \U000e0001 \ud800 \u20ac") == "a\\x1b[2J \\u202e \\U000e0001 \\ud800 \u20ac"


@given(_json, st.sampled_from([None, 1]))
def test_json_keeps_its_meaning(value: object, indent: int | None) -> None:
    """However it is laid out, JSON comes out as one line with the same value."""
    line = json_text(json.dumps(value, ensure_ascii=False, indent=indent).encode())
    assert json.loads(line) == value
    assert len(line.splitlines()) == 1
    assert _ALLOWED_BY_SQS.fullmatch(line)


@given(st.binary())
def test_any_bytes_become_one_line(body: bytes) -> None:
    """Even what is no JSON at all cannot end a line or be refused by SQS."""
    line = json_line(replace(notice(), body=body))
    assert b"\n" not in line
    assert _ALLOWED_BY_SQS.fullmatch(line.decode())


@given(st.binary())
def test_any_text_becomes_one_line(body: bytes) -> None:
    """A body of text becomes the field `text`, beside what the notice says of itself."""
    sent = replace(notice(), body=body, content_type=PLAIN_TEXT)
    line = json.loads(json_line(sent))
    assert line["text"] == body.decode(errors="replace")
    assert [line["key"], line["rule"], line["severity"]] == [sent.key, sent.rule, "high"]


@given(st.binary())
def test_any_text_is_a_legal_message(body: bytes) -> None:
    """SQS and SNS take every message: forbidden characters are replaced, line ends stay."""
    assert _ALLOWED_BY_SQS.fullmatch(message_text(replace(notice(), body=body, content_type=PLAIN_TEXT)))


def test_text_messages_keep_their_lines() -> None:
    """What people are to read is not squeezed into a line."""
    sent = replace(notice(), body=b"one\ntwo\x1b\xff", content_type=PLAIN_TEXT)
    assert message_text(sent) == "one\ntwo\ufffd\ufffd"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"account":"123456789012","region":"us-east-1"}', "123456789012/us-east-1"),
        (b'{"account":"\\u001b[2J","region":"\\u202e"}', "\\x1b[2J/\\u202e"),
        (b'{"account":1,"region":["x"]}', "/"),
        (b'{"account":"1"}', "1/"),
        (b'{"account":"\xff"}', "/"),
        (b"[]", "/"),
        (b"", "/"),
        (HOSTILE_EVENT, "/"),
    ],
)
def test_place(body: bytes, expected: str) -> None:
    """Account and region are shown where they are texts; nothing else makes a difference, or trouble."""
    assert place(Event(identity="x", body=body, time="")) == expected
