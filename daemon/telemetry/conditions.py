"""Signals about the daemon's surroundings and its own health: sources, state store, memory, rules, event loop."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.errors import FailureKind
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.signals import Signal


@dataclass(frozen=True, slots=True)
class SourceReached(Signal):
    """A source reaches what it reads, for the first time or again."""

    event = "source reached"
    source: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.gauge("source_ready", self.source).set(1)


@dataclass(frozen=True, slots=True)
class SourceFailed(Signal):
    """A call of a source failed; it is tried again after the wait."""

    event = "source failed"
    level = "error"
    source: str
    kind: FailureKind
    detail: str
    retry_in_seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("source_errors_total", self.source, self.kind).inc()
        metrics.gauge("source_ready", self.source).set(0)


@dataclass(frozen=True, slots=True)
class SourceExhausted(Signal):
    """A finite source has handed out everything."""

    event = "source exhausted"
    source: str


@dataclass(frozen=True, slots=True)
class VisibilityExtended(Signal):
    """Messages in work stay invisible to other consumers."""

    event = "visibility extended"
    level = "debug"
    source: str
    messages: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("visibility_extended_total", self.source).inc(self.messages)


@dataclass(frozen=True, slots=True)
class VisibilityExpired(Signal):
    """A message became visible while it was in work: it will be delivered again, its effects are claimed already."""

    event = "visibility expired in flight"
    level = "warning"
    source: str
    identity: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("visibility_expired_total", self.source).inc()


@dataclass(frozen=True, slots=True)
class MessageRepeated(Signal):
    """A message came again while it was in work: the work goes on, under the newest receipt handle."""

    event = "message repeated in flight"
    level = "debug"
    source: str
    identity: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("messages_repeated_total", self.source).inc()


@dataclass(frozen=True, slots=True)
class QueueCallFailed(Signal):
    """A call about messages in work failed; without a next try these messages come again by themselves."""

    event = "queue call failed"
    level = "warning"
    source: str
    kind: FailureKind
    detail: str
    messages: int
    retry_in_seconds: float | None

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("source_errors_total", self.source, self.kind).inc()


@dataclass(frozen=True, slots=True)
class AcknowledgementsLost(Signal):
    """SQS refused for good to delete finished messages: they come again, and are known as duplicates then."""

    event = "acknowledgements lost"
    level = "warning"
    source: str
    messages: int
    kind: FailureKind
    detail: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("acknowledgements_lost_total", self.source).inc(self.messages)


@dataclass(frozen=True, slots=True)
class BackpressureEnded(Signal):
    """A receiver waited because the memory limits were reached."""

    event = "backpressure ended"
    level = "debug"
    source: str
    seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("backpressure_seconds_total", self.source).inc(self.seconds)


@dataclass(frozen=True, slots=True)
class MemoryMeasured(Signal):
    """Bytes of deliveries in hand changed."""

    event = "memory measured"
    level = "debug"
    in_flight_bytes: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.gauge("in_flight_bytes").set(self.in_flight_bytes)


@dataclass(frozen=True, slots=True)
class StateFailed(Signal):
    """The state store did not answer; intents wait."""

    event = "state store failed"
    level = "error"
    detail: str
    retry_in_seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("state_errors_total").inc()


@dataclass(frozen=True, slots=True)
class SessionLapsed(Signal):
    """The session was renewed so late that others may have found this process dead; its claims are looked at again."""

    event = "session had lapsed"
    level = "warning"
    seconds: float
    """Since it was renewed before."""

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("session_lapses_total").inc()


@dataclass(frozen=True, slots=True)
class ParkingFailed(Signal):
    """A dead-letter place did not take a letter; what it holds back stays unacknowledged."""

    event = "parking failed"
    level = "error"
    place: str
    kind: FailureKind
    detail: str
    retry_in_seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("parking_failed_total", self.place).inc()


@dataclass(frozen=True, slots=True)
class RulesLoaded(Signal):
    """A rule set is in force."""

    event = "rules loaded"
    rules: int
    files: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.gauge("rules_loaded").set(self.rules)
        metrics.counter("reloads_total", "ok").inc()


@dataclass(frozen=True, slots=True)
class ReloadFailed(Signal):
    """New rules cannot be used; the old ones stay in force."""

    event = "reload failed, the rules in force stay"
    level = "error"
    problems: list[str]

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("reloads_total", "failed").inc()


@dataclass(frozen=True, slots=True)
class LoopStalled(Signal):
    """The event loop woke up so much later than it asked to."""

    event = "event loop measured"
    level = "debug"
    seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.histogram("loop_stall_seconds").observe(self.seconds)


@dataclass(frozen=True, slots=True)
class SecretRefreshed(Signal):
    """A secret that AWS keeps turned out to have changed; the new one is in use."""

    event = "secret refreshed"
    secret: str
    """Where it is kept."""

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("secret_refreshes_total", "changed").inc()


@dataclass(frozen=True, slots=True)
class SecretRefreshFailed(Signal):
    """A secret that AWS keeps cannot be read anew; the last good one stays in use."""

    event = "secret not refreshed, the last one stays in use"
    level = "warning"
    secret: str
    kind: FailureKind
    detail: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("secret_refreshes_total", "failed").inc()
