"""Log lines: JSON for machines, aligned text for people, both on standard error.

app.py builds one logger from the settings; signals.py is the only writer.  Lines of one kind are throttled, so that a
flood of bad messages costs counters, not disks; what was left out is said in the next line that gets through.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from enum import StrEnum
from typing import Any

import orjson
import structlog

from daemon.clock import Clock


class LogFormat(StrEnum):
    """How a log line looks."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least important line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """As the standard library ranks it."""
        return logging.getLevelNamesMapping()[self.upper()]


def build_logger(log_format: LogFormat, level: LogLevel) -> structlog.typing.FilteringBoundLogger:
    """Return the logger for signals; libraries' own warnings go the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor
    if log_format is LogFormat.JSON:
        renderer = structlog.processors.JSONRenderer(serializer=_dumps)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level.number),
        cache_logger_on_first_use=True,
    )
    return logger


def _dumps(line: MutableMapping[str, Any], **_: object) -> str:
    return orjson.dumps(line, default=str).decode()


class Throttle:
    """Lets the first `burst` lines of a key through in each `window_seconds`; counts the others."""

    def __init__(self, clock: Clock, burst: int = 10, window_seconds: float = 10.0) -> None:
        self._clock = clock
        self._burst = burst
        self._window = window_seconds
        self._windows: dict[str, tuple[float, int]] = {}
        self._held_back: dict[str, int] = {}

    def admits(self, key: str) -> tuple[bool, int]:
        """Return whether to write this line, and how many of its kind were left out since the last one written."""
        now = self._clock.monotonic()
        opened, written = self._windows.get(key, (now, 0))
        if now - opened >= self._window:
            opened, written = now, 0
        if written >= self._burst:
            self._held_back[key] = self._held_back.get(key, 0) + 1
            return False, 0
        self._windows[key] = (opened, written + 1)
        return True, self._held_back.pop(key, 0)
