"""Clocks that tests wind by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from daemon.clock import SystemClock


class HandWound:
    """A clock that stands still until a test moves `time`; sleep moves it at once, so that waits take no time."""

    def __init__(self, time: float = 1_000_000.0) -> None:
        self.time = time
        self.slept: list[float] = []
        self.meanwhile: list[Callable[[], Awaitable[None]]] = []
        """What goes on while somebody sleeps: processes that renew their sessions."""

    def now(self) -> float:
        """See Clock."""
        return self.time

    def monotonic(self) -> float:
        """See Clock."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        self.slept.append(seconds)
        self.time += seconds
        for going_on in self.meanwhile:
            await going_on()
        await anyio.lowlevel.checkpoint()


class MonotonicByHand(SystemClock):
    """A monotonic clock that tests move; wall time passes, and waits take as long as they say."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        """See Clock."""
        return self.time
