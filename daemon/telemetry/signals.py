"""Every fact about what flows, one frozen dataclass each: `Telemetry.emit` writes its log line and counts it.

Names are noun + past verb.  Fields hold names, numbers and closed reasons; never event contents, never secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from daemon.errors import FailureKind, RejectReason
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.names import IntentOutcome, Outcome, Settlement, Stage


@dataclass(frozen=True, slots=True)
class Signal:
    """Base: a log line `event` at `level` with the fields as keys, and what `count` adds to the metrics."""

    event: ClassVar[str]
    level: ClassVar[str] = "info"

    def count(self, metrics: Metrics) -> None:
        """Add this fact to the metrics; nothing for facts that are only logged."""

    def facts(self) -> dict[str, object]:
        """Return the fields as log keys; None is left out."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class DaemonStarted(Signal):
    """All parts are up and receiving begins."""

    event = "daemon started"
    version: str
    rules: int
    sources: list[str]
    targets: list[str]


@dataclass(frozen=True, slots=True)
class DaemonStopping(Signal):
    """A signal or the end of all finite sources began the ordered stop."""

    event = "daemon stopping"
    cause: str
    in_flight: int


@dataclass(frozen=True, slots=True)
class DaemonStopped(Signal):
    """Everything is flushed and closed."""

    event = "daemon stopped"
    released: int


@dataclass(frozen=True, slots=True)
class BatchReceived(Signal):
    """A source handed over deliveries."""

    event = "batch received"
    level = "debug"
    source: str
    deliveries: int
    size_bytes: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("deliveries_received_total", self.source).inc(self.deliveries)
        metrics.counter("received_bytes_total", self.source).inc(self.size_bytes)


@dataclass(frozen=True, slots=True)
class EventsSifted(Signal):
    """Events came out of deliveries; those that ask for something are in flight until they settle."""

    event = "events sifted"
    level = "debug"
    source: str
    received: int
    unmatched: int
    duplicate: int
    in_flight: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        settled = {Outcome.UNMATCHED: self.unmatched, Outcome.DUPLICATE: self.duplicate}
        metrics.books.sifted(self.source, self.received, settled, self.in_flight)


@dataclass(frozen=True, slots=True)
class EventSettled(Signal):
    """An event in flight reached its outcome."""

    event = "event settled"
    level = "debug"
    source: str
    outcome: Outcome

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.books.landed(self.source, self.outcome)


@dataclass(frozen=True, slots=True)
class EventRejected(Signal):
    """An event cannot be read; it is parked before its delivery is acknowledged."""

    event = "event rejected"
    level = "warning"
    source: str
    reason: RejectReason
    detail: str
    identity: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("events_rejected_total", self.source, self.reason).inc()


@dataclass(frozen=True, slots=True)
class EventAged(Signal):
    """How old an event was when its batch had been matched."""

    event = "event aged"
    level = "debug"
    source: str
    seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.histogram("event_age_seconds", self.source).observe(max(self.seconds, 0.0))


@dataclass(frozen=True, slots=True)
class StageTimed(Signal):
    """A stage took so long."""

    event = "stage timed"
    level = "debug"
    stage: Stage
    seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.histogram("stage_seconds", self.stage).observe(self.seconds)


@dataclass(frozen=True, slots=True)
class RuleMatched(Signal):
    """A rule matched an event that was not handled before."""

    event = "rule matched"
    level = "debug"
    rule: str
    severity: str
    identity: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("rule_matches_total", self.rule).inc()


@dataclass(frozen=True, slots=True)
class IntentClaimed(Signal):
    """An intent is ours to do."""

    event = "intent claimed"
    level = "debug"
    target: str
    intent: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.gauge("intents_in_flight", self.target).inc()


@dataclass(frozen=True, slots=True)
class IntentFinished(Signal):
    """An intent became final and is recorded so."""

    event = "intent finished"
    level = "debug"
    target: str
    rule: str
    intent: str
    outcome: IntentOutcome
    attempts: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("intents_total", self.target, self.outcome).inc()
        metrics.gauge("intents_in_flight", self.target).dec()


@dataclass(frozen=True, slots=True)
class IntentReleased(Signal):
    """The daemon stops before the intent was final: whoever gets the event next does it."""

    event = "intent released"
    level = "debug"
    target: str
    intent: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.gauge("intents_in_flight", self.target).dec()


@dataclass(frozen=True, slots=True)
class AttemptFailed(Signal):
    """A target did not take an intent this time."""

    event = "attempt failed"
    level = "warning"
    target: str
    intent: str
    kind: FailureKind
    detail: str
    attempt: int
    retry_in_seconds: float | None

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("intent_attempts_failed_total", self.target, self.kind).inc()


@dataclass(frozen=True, slots=True)
class LetterParked(Signal):
    """Something went to a dead-letter place, with its reason."""

    event = "dead letter parked"
    level = "warning"
    place: str
    reason: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("dead_letters_total", self.place).inc()


@dataclass(frozen=True, slots=True)
class DeliveriesSettled(Signal):
    """A source was told what became of deliveries."""

    event = "deliveries settled"
    level = "debug"
    source: str
    settlement: Settlement
    deliveries: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("deliveries_settled_total", self.source, self.settlement).inc(self.deliveries)
