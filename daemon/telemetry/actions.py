"""Signals about actions on the estate: dispatch/remediation/ emits them."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.telemetry.metrics import Metrics
from daemon.telemetry.names import StoredKind
from daemon.telemetry.signals import Signal


@dataclass(frozen=True, slots=True)
class ActionEnded(Signal):
    """An action on one intent came to its end: done, said, refused or failed."""

    event = "action ended"
    action: str
    rule: str
    intent: str
    ending: str
    reason: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("actions_total", self.action, self.ending).inc()
        if self.reason:
            metrics.counter("actions_stopped_total", self.action, self.ending, self.reason).inc()


@dataclass(frozen=True, slots=True)
class StoredItemUnreadable(Signal):
    """An item of the state store is not what vigild has written: it is left out, the others count."""

    event = "stored item unreadable"
    level = "error"
    kind: StoredKind
    key: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("state_items_unreadable_total", self.kind).inc()


@dataclass(frozen=True, slots=True)
class UndoFailed(Signal):
    """What was to be undone after its time was not: it had been changed since, or AWS refused or did not answer."""

    event = "undo failed"
    level = "warning"
    intent: str
    detail: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("undo_failed_total").inc()


@dataclass(frozen=True, slots=True)
class UndoHeld(Signal):
    """What was to be undone after its time is held: it is, once the hold is lifted or over."""

    event = "undo held"
    intent: str
    hold: str
    by: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("undo_held_total").inc()


@dataclass(frozen=True, slots=True)
class RuleSuspended(Signal):
    """One resource was touched too often: the rule no longer acts until a person resumes it."""

    event = "rule suspended"
    level = "error"
    rule: str
    why: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("rules_suspended_total", self.rule).inc()


@dataclass(frozen=True, slots=True)
class DerivedRefused(Signal):
    """An event that we made ourselves was derived through too many rules: a loop of rules."""

    event = "derived event refused"
    level = "error"
    identity: str
    hops: int

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("derived_refused_total").inc()
