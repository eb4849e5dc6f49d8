"""What a notice says to people in a chat or on a pager: headline, description, and what it is about, within a length.

slack.py, teams.py, pagerduty.py, opsgenie.py, alertmanager.py, asff.py and mail.py ask; facts.py says who did what.
Events are written by strangers: nothing here is markup, and each service's file escapes what would be for it.
"""

from __future__ import annotations

import orjson

from daemon.sinks.base import Notice
from daemon.sinks.facts import Facts
from daemon.sinks.text import PLAIN_TEXT, headline_of, printable

_CUT = "…"


def details(notice: Notice, most: int) -> str:
    """Return the body as lines for people, cut to `most` characters: an input transformer's text, else the event."""
    text = notice.body.decode(errors="replace") if notice.content_type == PLAIN_TEXT else _indented(notice)
    return cut("\n".join(printable(line) for line in text.split("\n")), most)


def summary(notice: Notice, facts: Facts, most: int) -> str:
    """Return headline and facts on one line, cut to `most` characters: what a phone shows of the alert."""
    said = headline_of(notice.severity, notice.rule, notice.description, notice.event), facts.line()
    return cut(" | ".join(part for part in said if part), most)


def cut(text: str, most: int) -> str:
    """Return the text, with an ellipsis where it is too long."""
    return text if len(text) <= most else text[: most - 1] + _CUT


def _indented(notice: Notice) -> str:
    try:
        document = orjson.loads(notice.body)
        if isinstance(document, dict) and document.keys() >= {"key", "rule", "event"}:
            # Our own default body: the rest of it stands in the headline.
            document = document["event"]
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        # Bytes that are not UTF-8 where no rule looked, or nested deeper than can be laid out.
        return notice.body.decode(errors="replace")
