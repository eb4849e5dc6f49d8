"""Clocks that tests wind by hand."""

from __future__ import annotations

import anyio
import anyio.lowlevel


class HandWound:
    """A clock that stands still until a test moves `time`; sleep moves it at once, so that waits take no time."""

    def __init__(self, time: float = 1_000_000.0) -> None:
        self.time = time
        self.slept: list[float] = []

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
        await anyio.lowlevel.checkpoint()
