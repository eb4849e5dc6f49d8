"""Alerts in a Slack channel, through an incoming webhook."""

from __future__ import annotations

from typing import Literal

import orjson
from yarl import URL

from daemon.sinks.base import Notice, Severity
from daemon.sinks.facts import Facts, facts_of
from daemon.sinks.message_text import cut, details, summary
from daemon.sinks.posting import Post, PostingSink, SecretUrlConfig
from daemon.sinks.text import JSON

_LONGEST_SECTION = 3_000
"""Characters of a section's text (Slack, "Block Kit: section")."""
_LONGEST_HEADER = 150
_ICONS = {
    Severity.INFO: ":information_source:",
    Severity.LOW: ":large_blue_circle:",
    Severity.MEDIUM: ":large_yellow_circle:",
    Severity.HIGH: ":large_orange_circle:",
    Severity.CRITICAL: ":red_circle:",
}


class SlackConfig(SecretUrlConfig):
    """Posts each alert to a channel; `url` is that of an incoming webhook.  Slack has no place for an idempotency key:
    what a crash repeats shows twice, with the same key under it.
    """

    type: Literal["slack"]


class SlackSink(PostingSink[SlackConfig]):
    """A header, description, who did what, the event in a block of code; no text of an event is markup or a mention."""

    async def _url(self) -> URL:
        return await self._config.read_url(self._secrets)

    async def _post(self, notice: Notice) -> Post:
        facts = facts_of(notice)
        body = {
            # What notifications show.
            "text": _escaped(summary(notice, facts, _LONGEST_SECTION)),
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": cut(notice.subject, _LONGEST_HEADER)}},
                _section(f"{_ICONS[notice.severity]} {_escaped(notice.description) or '-'}"),
                *_fields(facts),
                _section(_code(notice)),
                {"type": "context", "elements": [{"type": "plain_text", "text": f"{notice.rule}  {notice.key}"}]},
            ],
            "unfurl_links": False,
            "unfurl_media": False,
        }
        return Post(await self._url(), {"Content-Type": JSON}, orjson.dumps(body))


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, _LONGEST_SECTION), "verbatim": True}}


def _fields(facts: Facts) -> list[dict[str, object]]:
    """Return a section of two columns, of ten fields at most (Slack, "Block Kit: section"); none without facts."""
    fields = [{"type": "plain_text", "text": f"{name}: {value}", "emoji": False} for name, value in facts.named()]
    return [{"type": "section", "fields": fields}] if fields else []


def _code(notice: Notice) -> str:
    """Return the details in a block of code that nothing in them can end."""
    room = _LONGEST_SECTION - len("```\n\n```")
    text = _escaped(details(notice, room)).replace("```", "'''")
    return f"```\n{cut(text, room)}\n```"


def _escaped(text: str) -> str:
    """Return the text without Slack's three control characters: no link, mention or channel comes of it.

    (Slack, "Formatting text for app surfaces", escaping text.)
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
