"""Signals about alerts that are gathered, held back and told of together: dispatch/alerts/ emits them."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.telemetry.metrics import Metrics
from daemon.telemetry.names import IntentOutcome, NoteState, Withheld
from daemon.telemetry.signals import Signal


@dataclass(frozen=True, slots=True)
class AlertWithheld(Signal):
    """An alert is recorded and not sent: of too low a severity, silenced, or in maintenance."""

    event = "alert withheld"
    level = "debug"
    target: str
    rule: str
    intent: str
    reason: Withheld
    held_by: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("alerts_withheld_total", self.target, self.reason).inc()


@dataclass(frozen=True, slots=True)
class AlertUngrouped(Signal):
    """A group could not take an alert: it goes out by itself."""

    event = "alert not grouped"
    level = "warning"
    target: str
    rule: str
    intent: str
    detail: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("alerts_ungrouped_total", self.target).inc()


@dataclass(frozen=True, slots=True)
class NoteFinished(Signal):
    """A note about several alerts came to its end: taken by its target, parked or dropped."""

    event = "note finished"
    target: str
    state: NoteState
    alerts: int
    outcome: IntentOutcome
    intent: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("alert_notes_total", self.target, self.state, self.outcome).inc()


@dataclass(frozen=True, slots=True)
class NoteFailed(Signal):
    """A group could not be told of now; it is looked at again."""

    event = "note failed"
    level = "error"
    target: str
    detail: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("alert_note_faults_total", self.target).inc()


@dataclass(frozen=True, slots=True)
class AuditFailed(Signal):
    """The journal did not take an entry about alerts: its chain is broken."""

    event = "alert not journalled"
    level = "error"
    step: str
    detail: str


@dataclass(frozen=True, slots=True)
class GroupsCounted(Signal):
    """How many groups of alerts a target has."""

    event = "alert groups counted"
    level = "debug"
    target: str
    groups: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.gauge("alert_groups", self.target).set(self.groups)


@dataclass(frozen=True, slots=True)
class GroupStranded(Signal):
    """A group of alerts waits for a target that is no longer configured; it stays in the state store."""

    event = "alert group without target"
    level = "error"
    target: str
    alerts: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("alert_groups_stranded_total").inc()


@dataclass(frozen=True, slots=True)
class SilenceEnded(Signal):
    """A silence is over: alerts go out again."""

    event = "silence ended"
    silence: str
    by: str
    why: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("silences_ended_total").inc()
