"""One budget of calls, shared by everybody who calls the same API: estate.py waits for its turn here."""

from __future__ import annotations

from daemon.clock import Clock


class Pace:
    """Lets `rate` callers a second through, and up to `burst` at once after a pause; in the order they come."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._interval = 1.0 / rate
        self._ahead = (burst - 1) * self._interval
        self._clock = clock
        self._next = 0.0
        """When the next caller's turn would be if there were no burst, on the monotonic clock."""

    async def turn(self) -> None:
        """Return when the caller may go."""
        now = self._clock.monotonic()
        self._next = max(self._next, now - self._ahead) + self._interval
        wait = self._next - self._interval - now
        if wait > 0:
            await self._clock.sleep(wait)
