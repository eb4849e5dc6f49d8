"""Alerts as Opsgenie alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

import orjson
from pydantic import model_validator
from yarl import URL

from daemon.secret_reference import Secret
from daemon.sinks.base import Notice, Severity
from daemon.sinks.facts import facts_of
from daemon.sinks.incidents import IncidentConfig, incident_of
from daemon.sinks.message_text import cut, details, summary
from daemon.sinks.posting import Post, PostingConfig, PostingSink, header_value, parsed_url
from daemon.sinks.text import JSON, place

_LONGEST_MESSAGE = 130
_LONGEST_DESCRIPTION = 15_000
"""Characters (Opsgenie, "Create alert")."""
_PRIORITIES = {
    Severity.INFO: "P5",
    Severity.LOW: "P4",
    Severity.MEDIUM: "P3",
    Severity.HIGH: "P2",
    Severity.CRITICAL: "P1",
}


class OpsgenieConfig(IncidentConfig, PostingConfig):
    """Creates alerts, and closes them where `resolved_at` says when."""

    type: Literal["opsgenie"]
    api_key: Secret | None = None
    """Of an API integration."""
    api_key_file: Path | None = None
    """Holds the key instead; read again for every alert."""
    url: str = "https://api.opsgenie.com"
    """Elsewhere in the EU: https://api.eu.opsgenie.com."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.api_key is None) == (self.api_key_file is None):
            raise ValueError("give exactly one of api_key and api_key_file")
        parsed_url(self.url)
        return self


class OpsgenieSink(PostingSink[OpsgenieConfig]):
    """One alert a notice; its alias makes repeats, and alerts of one incident, one alert."""

    async def _read_secrets(self) -> None:
        await self._secrets.read(self._config.api_key, self._config.api_key_file)

    async def _url(self) -> URL:
        return parsed_url(self._config.url)

    async def _post(self, notice: Notice) -> Post:
        incident = incident_of(notice, self._config)
        alerts = (await self._url()) / "v2" / "alerts"
        key = header_value(await self._secrets.read(self._config.api_key, self._config.api_key_file) or "")
        headers = {"Content-Type": JSON, "Authorization": f"GenieKey {key}"}
        if incident.is_over:
            alias = quote(incident.key, safe="")
            close = URL(f"{alerts}/{alias}/close?identifierType=alias", encoded=True)
            return Post(close, headers, orjson.dumps({"source": "vigild", "note": notice.subject}))
        facts = facts_of(notice)
        alert = {
            "message": summary(notice, facts, _LONGEST_MESSAGE),
            "alias": incident.key,
            "description": cut(
                f"{notice.description}\n\n{details(notice, _LONGEST_DESCRIPTION)}", _LONGEST_DESCRIPTION
            ),
            "priority": _PRIORITIES[notice.severity],
            "source": "vigild",
            "entity": place(notice.event),
            "details": {
                "rule": notice.rule,
                "key": notice.key,
                **{name.lower(): value for name, value in facts.named()},
            },
        }
        return Post(alerts, headers, orjson.dumps(alert))
