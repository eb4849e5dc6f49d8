"""Alerts in a Microsoft Teams channel, through a webhook of its Workflows."""

from __future__ import annotations

from typing import Literal

import orjson
from yarl import URL

from daemon.sinks.base import Notice, Severity
from daemon.sinks.facts import facts_of
from daemon.sinks.message_text import details
from daemon.sinks.posting import Post, PostingSink, SecretUrlConfig
from daemon.sinks.text import JSON

_LONGEST_DETAILS = 8_000
"""Characters; Teams takes messages of 28 KB, a character may take several bytes and JSON's escapes more."""
_COLORS = {
    Severity.INFO: "Default",
    Severity.LOW: "Accent",
    Severity.MEDIUM: "Warning",
    Severity.HIGH: "Attention",
    Severity.CRITICAL: "Attention",
}


class TeamsConfig(SecretUrlConfig):
    """Posts each alert to a channel as an adaptive card; `url` is that of a workflow that begins with "When a Teams
    webhook request is received".  Teams has no place for an idempotency key: what a crash repeats shows twice, with the
    same key under it.
    """

    type: Literal["teams"]


class TeamsSink(PostingSink[TeamsConfig]):
    """Rich text blocks only: in those Teams reads no Markdown, so no text of an event is a link or a mention."""

    async def _url(self) -> URL:
        return await self._config.read_url(self._secrets)

    async def _post(self, notice: Notice) -> Post:
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                _text(notice.subject, weight="Bolder", size="Medium", color=_COLORS[notice.severity]),
                _text(notice.description or "-"),
                *(_fact(name, value) for name, value in facts_of(notice).named()),
                _text(details(notice, _LONGEST_DETAILS), fontType="Monospace", size="Small"),
                _text(f"{notice.rule}  {notice.key}", isSubtle=True, size="Small"),
            ],
        }
        message = {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
        }
        return Post(await self._url(), {"Content-Type": JSON}, orjson.dumps(message))


def _text(text: str, **look: object) -> dict[str, object]:
    return _runs({"text": text, **look})


def _fact(name: str, value: str) -> dict[str, object]:
    return _runs({"text": f"{name}: ", "weight": "Bolder", "size": "Small"}, {"text": value, "size": "Small"})


def _runs(*runs: dict[str, object]) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", **run} for run in runs]}
