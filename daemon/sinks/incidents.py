"""Alerts that open and close incidents: which alerts are one incident, and which one ends it.

pagerduty.py and opsgenie.py ask.  Without options every alert is an incident of its own, under its idempotency key.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from pydantic import AfterValidator

from daemon.json_path import MISSING, JsonPath
from daemon.sinks.base import Notice
from daemon.sinks.posting import PostingConfig

_LONGEST_KEY = 255
"""Characters of PagerDuty's dedup_key; Opsgenie's alias takes more."""


def _check_path(text: str) -> str:
    JsonPath(text)
    return text


Path = Annotated[str, AfterValidator(_check_path)]
"""A JSON path into the event: `$.detail.alarmName`."""


class IncidentConfig(PostingConfig):
    """Which alerts belong together."""

    incident: Path | None = None
    """Where the event has what makes alerts of one rule one incident: an alarm's name, an instance's id."""
    resolved_at: Path | None = None
    """Where the event has what ends the incident, with one of `resolved_values`."""
    resolved_values: frozenset[str] = frozenset({"OK", "resolved", "RESOLVED"})
    """What stands at `resolved_at` when it is over."""


class Incident(msgspec.Struct, frozen=True):
    """What an alert means for its incident."""

    key: str
    is_over: bool


def incident_of(notice: Notice, config: IncidentConfig) -> Incident:
    """Return the incident of an alert."""
    key, over = notice.key, False
    if config.incident is not None or config.resolved_at is not None:
        event = notice.event.document()
        if config.incident is not None:
            found = JsonPath(config.incident).select(event)
            if isinstance(found, str | int) and not isinstance(found, bool):
                key = f"{notice.rule}/{found}"[:_LONGEST_KEY]
        if config.resolved_at is not None:
            state = JsonPath(config.resolved_at).select(event)
            over = state is not MISSING and isinstance(state, str) and state in config.resolved_values
    return Incident(key, over)
