"""Signals about delivery under faults: suspended targets, state that is away, what a policy drops."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.errors import FailureKind, RejectReason
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.signals import Signal


@dataclass(frozen=True, slots=True)
class TargetSuspended(Signal):
    """A target failed again and again; from now on it is tried with single calls until one succeeds."""

    event = "target suspended"
    level = "error"
    target: str
    kind: FailureKind
    detail: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("target_suspensions_total", self.target, self.kind).inc()


@dataclass(frozen=True, slots=True)
class TargetResumed(Signal):
    """A suspended target took a call."""

    event = "target resumed"
    target: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RejectionDropped(Signal):
    """What could not be read is let go without a dead letter: so says the failure policy."""

    event = "rejected event dropped"
    level = "warning"
    source: str
    reason: RejectReason
    identity: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("rejections_dropped_total", self.source).inc()


@dataclass(frozen=True, slots=True)
class ClaimOverrun(Signal):
    """Another process took the claim over after the effect and before its confirmation: the effect is repeated."""

    event = "claim taken over before the effect was confirmed, it may be repeated"
    level = "warning"
    target: str
    intent: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("intents_overrun_total", self.target).inc()


@dataclass(frozen=True, slots=True)
class StateLost(Signal):
    """The state store counts as away: some targets wait, others go ahead without claims."""

    event = "state store away"
    level = "error"
    waiting: list[str]
    proceeding: list[str]

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.gauge("state_away").set(1)


@dataclass(frozen=True, slots=True)
class StateRegained(Signal):
    """The state store answers again; what happened meanwhile is being recorded."""

    event = "state store back"

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.gauge("state_away").set(0)


@dataclass(frozen=True, slots=True)
class IntentUnclaimed(Signal):
    """An intent goes ahead although it cannot be claimed: it may be done twice."""

    event = "intent goes ahead unclaimed"
    level = "warning"
    target: str
    intent: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("intents_unclaimed_total", self.target).inc()
