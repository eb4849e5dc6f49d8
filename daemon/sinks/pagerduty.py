"""Alerts as PagerDuty incidents, through the Events API v2."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import orjson
from pydantic import model_validator
from yarl import URL

from daemon.secret_reference import Secret
from daemon.sinks.base import Notice, Severity
from daemon.sinks.facts import facts_of
from daemon.sinks.incidents import IncidentConfig, incident_of
from daemon.sinks.message_text import details, summary
from daemon.sinks.posting import Post, PostingConfig, PostingSink, parsed_url
from daemon.sinks.text import JSON, place

_LONGEST_SUMMARY = 1_024
_LONGEST_DETAILS = 100_000
"""Characters; the whole event may have 512 KB (Events API v2, "Size limits")."""
_SEVERITIES = {
    Severity.INFO: "info",
    Severity.LOW: "warning",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "critical",
}


class PagerdutyConfig(IncidentConfig, PostingConfig):
    """Triggers incidents, and resolves them where `resolved_at` says when."""

    type: Literal["pagerduty"]
    routing_key: Secret | None = None
    """The integration key of a service or of event orchestration."""
    routing_key_file: Path | None = None
    """Holds the key instead; read again for every alert."""
    url: str = "https://events.pagerduty.com/v2/enqueue"
    """Elsewhere in the EU: https://events.eu.pagerduty.com/v2/enqueue."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.routing_key is None) == (self.routing_key_file is None):
            raise ValueError("give exactly one of routing_key and routing_key_file")
        parsed_url(self.url)
        return self


class PagerdutySink(PostingSink[PagerdutyConfig]):
    """One event a notice; its dedup_key makes repeats, and alerts of one incident, one incident."""

    async def _read_secrets(self) -> None:
        await self._secrets.read(self._config.routing_key, self._config.routing_key_file)

    async def _url(self) -> URL:
        return parsed_url(self._config.url)

    async def _post(self, notice: Notice) -> Post:
        incident = incident_of(notice, self._config)
        event: dict[str, object] = {
            "routing_key": await self._secrets.read(self._config.routing_key, self._config.routing_key_file),
            "event_action": "resolve" if incident.is_over else "trigger",
            "dedup_key": incident.key,
        }
        if not incident.is_over:
            facts = facts_of(notice)
            event["payload"] = {
                "summary": summary(notice, facts, _LONGEST_SUMMARY),
                "source": place(notice.event),
                "severity": _SEVERITIES[notice.severity],
                "class": notice.rule,
                "custom_details": {
                    "description": notice.description,
                    **{name.lower(): value for name, value in facts.named()},
                    "key": notice.key,
                    "event": details(notice, _LONGEST_DETAILS),
                },
            }
        return Post(await self._url(), {"Content-Type": JSON}, orjson.dumps(event))
