"""What a run did, read from its own metrics: app.py returns it, the command line prints it as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.assembly import Parts
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.names import IntentOutcome, Outcome


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of one run."""

    seconds: float
    stopped: bool
    """By a signal, rather than by the end of all sources."""
    forced: bool
    deliveries: int
    received_bytes: int
    events: int
    outcomes: Mapping[Outcome, int]
    in_flight: int
    """Given back to their sources by the stop."""
    rejects: Mapping[str, int]
    rule_matches: Mapping[str, int]
    intents: Mapping[IntentOutcome, int]
    undelivered: int
    """Alerts, actions and notes of groups that were parked."""
    skipped_files: int
    """Handled by an earlier run, not read again."""

    @property
    def balanced(self) -> bool:
        """Whether every event received is accounted for."""
        return self.events == sum(self.outcomes.values()) + self.in_flight


def summarise(parts: Parts, seconds: float, stopped: bool, forced: bool) -> Summary:  # noqa: FBT001 - one caller
    """Return the figures of the run that these parts made."""
    metrics = parts.telemetry.metrics
    outcomes = _by_label(metrics, "events_settled_total", "outcome")
    intents = _by_label(metrics, "intents_total", "outcome")
    notes = _by_label(metrics, "alert_notes_total", "outcome")
    matches = _by_label(metrics, "rule_matches_total", "rule")
    return Summary(
        seconds=seconds,
        stopped=stopped,
        forced=forced,
        deliveries=_total(metrics, "deliveries_received_total"),
        received_bytes=_total(metrics, "received_bytes_total"),
        events=_total(metrics, "events_received_total"),
        outcomes={outcome: outcomes.get(outcome, 0) for outcome in Outcome},
        in_flight=_total(metrics, "events_in_flight"),
        rejects={reason: n for reason, n in _by_label(metrics, "events_rejected_total", "reason").items() if n},
        rule_matches={rule: n for rule, n in matches.items() if n},
        intents={outcome: intents.get(outcome, 0) for outcome in IntentOutcome},
        undelivered=intents.get(IntentOutcome.PARKED, 0) + notes.get(IntentOutcome.PARKED, 0),
        skipped_files=sum(progress.skipped for source in parts.sources if (progress := source.progress())),
    )


def _total(metrics: Metrics, name: str) -> int:
    return sum(int(value) for _, value in metrics.values(name))


def _by_label(metrics: Metrics, name: str, label: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for labels, value in metrics.values(name):
        totals[labels[label]] = totals.get(labels[label], 0) + int(value)
    return totals
