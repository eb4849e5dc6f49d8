"""The passing of time, handed in everywhere: tests put a hand-wound clock in its place."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

import anyio


class Clock(Protocol):
    """Wall time for what is stored or compared with events, monotonic time for spans, sleep for waits; in seconds."""

    def now(self) -> float:
        """Return seconds since the Unix epoch."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back; only differences mean something."""

    async def sleep(self, seconds: float) -> None:
        """Wait; a cancellation point even for 0."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """See Clock."""
        return time.time()

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await anyio.sleep(seconds)


def rfc3339(seconds: float) -> str:
    """Return a time since the epoch as AWS's events write it: 2026-01-02T03:04:05Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
