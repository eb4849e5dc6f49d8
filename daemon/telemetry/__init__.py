"""Every fact once: `Telemetry.emit(signal)` writes the log line and counts it.

All layers above emit; metric names are in names.py, facts in signals.py and conditions.py, /metrics in endpoints.py.
To add a fact: a dataclass in signals.py (what flows) or conditions.py (surroundings), its metric in names.py.
"""

from __future__ import annotations

import structlog

from daemon.clock import Clock, SystemClock
from daemon.telemetry.health import Health
from daemon.telemetry.log import LogFormat, LogLevel, Throttle, build_logger
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.signals import Signal

__all__ = ("Telemetry", "build_telemetry")

_THROTTLED = frozenset({"warning", "error"})


class Telemetry:
    """The log, the metrics and the health of one process."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger, clock: Clock) -> None:
        self.metrics = Metrics()
        self.health = Health(clock)
        self._logger = logger
        self._throttle = Throttle(clock)
        self._written = {level.value for level in LogLevel if logger.is_enabled_for(level.number)}

    def emit(self, signal: Signal) -> None:
        """Count the fact and write its line."""
        signal.count(self.metrics)
        level = signal.level
        if level not in self._written:
            return
        facts = signal.facts()
        if level in _THROTTLED:
            admitted, held_back = self._throttle.admits(signal.event)
            if not admitted:
                return
            if held_back:
                facts["lines_left_out"] = held_back
        getattr(self._logger, level)(signal.event, **facts)


def build_telemetry(
    log_format: LogFormat = LogFormat.CONSOLE, level: LogLevel = LogLevel.INFO, clock: Clock | None = None
) -> Telemetry:
    """Return the telemetry of this process, logging to standard error."""
    return Telemetry(build_logger(log_format, level), clock or SystemClock())
