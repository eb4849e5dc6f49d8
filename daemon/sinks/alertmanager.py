"""Alerts in a Prometheus Alertmanager, which groups, silences and routes them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

import orjson
from pydantic import Field, model_validator
from yarl import URL

from daemon.secret_reference import Secret
from daemon.sinks.base import Notice
from daemon.sinks.facts import facts_of
from daemon.sinks.message_text import details, summary
from daemon.sinks.posting import Post, PostingConfig, PostingSink, header_value, parsed_url
from daemon.sinks.text import JSON, place

_LONGEST_DETAILS = 8_000
_LONGEST_SUMMARY = 1_000


class AlertmanagerConfig(PostingConfig):
    """Posts each alert to one Alertmanager, by its API v2; a cluster passes it on to its other members."""

    type: Literal["alertmanager"]
    url: str
    """Its base: http://alertmanager:9093."""
    authorization: Secret | None = None
    """The Authorization header, where a proxy asks for one."""
    authorization_file: Path | None = None
    """Holds it instead; read again for every alert."""
    active_seconds: float = Field(default=900.0, ge=60, le=86_400)
    """How long an alert stays active; the same rule in the same account and region prolongs it."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.authorization is not None and self.authorization_file is not None:
            raise ValueError("give at most one of authorization and authorization_file")
        parsed_url(self.url)
        return self


class AlertmanagerSink(PostingSink[AlertmanagerConfig]):
    """One alert a rule, account and region: its labels are its identity, and repeats of it are one alert."""

    async def _read_secrets(self) -> None:
        await self._authorization()

    async def _authorization(self) -> str | None:
        return await self._secrets.read(self._config.authorization, self._config.authorization_file)

    async def _url(self) -> URL:
        return parsed_url(self._config.url)

    async def _post(self, notice: Notice) -> Post:
        now = self._clock.now()
        is_over = notice.incident is not None and notice.incident.is_over
        account, _, region = place(notice.event).partition("/")
        labels = {
            "alertname": notice.rule,
            "severity": notice.severity.value,
            "account": account,
            "region": region,
            "source": "vigild",
        }
        facts = facts_of(notice)
        alert = {
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": {
                "summary": summary(notice, facts, _LONGEST_SUMMARY),
                "description": notice.description,
                **{name.lower(): value for name, value in facts.named()},
                "event": details(notice, _LONGEST_DETAILS),
                "key": notice.key,
            },
            "startsAt": _time(now),
            "endsAt": _time(now if is_over else now + self._config.active_seconds),
        }
        headers = {"Content-Type": JSON}
        if (authorization := await self._authorization()) is not None:
            headers["Authorization"] = header_value(authorization)
        return Post((await self._url()) / "api" / "v2" / "alerts", headers, orjson.dumps([alert]))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
