"""Makes what events carry fit for its reader: one line for a terminal or file, legal characters for a queue.

Events are written by strangers.  Nothing here drops or cuts: a character that would act is shown as its escape.
Called by the sinks; dispatch/notices.py uses headline_of() for subjects.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson

from daemon.event import Event
from daemon.sinks.base import Notice, Severity

JSON = "application/json"
PLAIN_TEXT = "text/plain"

_ACTIVE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters: terminals obey them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls: reorder what people read
    "\u2028\u2029"  # line and paragraph separators
    "\ufeff\ufffe\uffff]"  # byte order mark; two that are no characters, refused by SQS
)
_NOT_IN_MESSAGES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class _Place(msgspec.Struct):
    account: Any = ""
    region: Any = ""


_PLACE = msgspec.json.Decoder(_Place)


def printable(text: str) -> str:
    r"""Return the text with every character that str.isprintable() refuses written as \xNN, \uNNNN or \UNNNNNNNN."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escape(ord(letter)) for letter in text)


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(body: bytes) -> str:
    r"""Return the same JSON without characters that act on terminals, fake line ends or are refused by SQS.

    White space between tokens becomes blanks; inside strings the characters become their \uNNNN escapes, which mean
    the same.  Bytes that are not UTF-8 become U+FFFD.
    """
    return _ACTIVE.sub(_json_escape, body.decode(errors="replace"))


def _json_escape(match: re.Match[str]) -> str:
    letter = match.group()
    # Raw tabs and line ends occur in JSON between tokens only (RFC 8259, section 7).
    return " " if letter in "\t\n\r" else f"\\u{ord(letter):04x}"


def json_line(notice: Notice) -> bytes:
    """Return the body as one line of JSON, without the line end; a text body becomes the field `text` of an object."""
    if notice.content_type == JSON:
        return json_text(notice.body).encode()
    wrapped = {
        "key": notice.key,
        "rule": notice.rule,
        "severity": notice.severity,
        "description": notice.description,
        "text": notice.body.decode(errors="replace"),
    }
    return json_text(orjson.dumps(wrapped)).encode()


def message_text(notice: Notice) -> str:
    """Return the body as SQS and SNS take it: only characters that XML 1.0 allows, else InvalidMessageContents.

    (API reference of SQS, SendMessage.)  In JSON the others become escapes, in plain text U+FFFD.
    """
    if notice.content_type == JSON:
        return json_text(notice.body)
    return _NOT_IN_MESSAGES.sub("\ufffd", notice.body.decode(errors="replace"))


def place(event: Event) -> str:
    """Return "account/region" of an event, with what is missing or not a text left empty, safe to print."""
    try:
        found = _PLACE.decode(event.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "/"
    return "/".join(printable(part) if isinstance(part, str) else "" for part in (found.account, found.region))


def headline_of(severity: Severity, rule: str, description: str, event: Event) -> str:
    """Return "[HIGH] rule account/region: description" on one line."""
    return printable(f"[{severity.upper()}] {rule} {place(event)}: {description}")
