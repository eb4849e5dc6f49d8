"""Says that a target is no longer called: log, metrics, readiness, and one alert.  Its breaker reports here."""

from __future__ import annotations

from collections.abc import Callable

from daemon.dispatch.context import DispatchContext
from daemon.dispatch.policy import ALERT_FAILURES
from daemon.errors import EffectError
from daemon.telemetry.delivery import TargetResumed, TargetSuspended


class Suspension:
    """What is said about one target."""

    def __init__(self, target: str, alert_after_seconds: float, context: DispatchContext) -> None:
        self._target = target
        self._alert_after = alert_after_seconds
        self._context = context
        self._since: float | None = None
        self._told = False

    def changed(self, cause: EffectError | None, stands: Callable[[], bool]) -> None:
        """The breaker opened, or stays open, for this cause; None: it closed.  `stands` is asked while it is open."""
        context, now = self._context, self._context.clock.now()
        part = f"target {self._target}"
        if cause is None:
            context.telemetry.emit(TargetResumed(self._target, now - (self._since or now)))
            context.telemetry.health.well(part)
            self._since, self._told = None, False
            return
        if self._since is None:
            self._since = now
            # Asked at each scrape, as readiness is: nobody says when the next try is due.
            context.telemetry.metrics.gauge("target_suspended", self._target).set_function(lambda: float(stands()))
            context.telemetry.emit(TargetSuspended(self._target, cause.kind, cause.detail))
        context.telemetry.health.ill(part, f"suspended, {cause.kind}: {cause.detail}", stands)
        # What people have to mend does not pass by itself: they must know at once.
        standing = ALERT_FAILURES.troubles[cause.kind] in ALERT_FAILURES.patient
        if not self._told and (standing or now - self._since >= self._alert_after):
            self._told = True
            context.alerts.target_suspended(self._target, cause, self._since)
