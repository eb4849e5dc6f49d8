"""Alerts that open and close incidents: which alerts are one incident, and which one ends it.

pagerduty.py and opsgenie.py ask.  Without options every alert is an incident of its own, under its idempotency key, or
every group of alerts is one, where the target has `group`.
"""

from __future__ import annotations

from daemon.sinks.base import Incident, Notice, SinkConfig
from daemon.sinks.event_path import EventPath, texts_at

_LONGEST_KEY = 255
"""Characters of PagerDuty's dedup_key; the other services take more."""


class IncidentConfig(SinkConfig):
    """Which alerts belong together."""

    incident: EventPath | None = None
    """Where the event has what makes alerts of one rule one incident: an alarm's name, an instance's id."""
    resolved_at: EventPath | None = None
    """Where the event has what ends the incident, with one of `resolved_values`."""
    resolved_values: frozenset[str] = frozenset({"OK", "resolved", "RESOLVED"})
    """What stands at `resolved_at` when it is over."""


def incident_of(notice: Notice, config: IncidentConfig) -> Incident:
    """Return the incident of an alert."""
    found, state = texts_at(notice.event, config.incident, config.resolved_at)
    of_group = notice.incident or Incident(notice.key, is_over=False)
    key = of_group.key if found is None else f"{notice.rule}/{found}"[:_LONGEST_KEY]
    return Incident(key, of_group.is_over or state in config.resolved_values)
