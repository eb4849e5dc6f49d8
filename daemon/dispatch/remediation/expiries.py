"""When which action ends by itself (`undo_after_seconds`): an address is unblocked after its time.

kernel.py schedules when an action is done, expired.py undoes what is due.
"""

from __future__ import annotations

from daemon.clock import Clock
from daemon.state.base import Delete, StateStore, Write

_PREFIX = "undo-at/"


class Expiries:
    """When which intent is to be undone.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def schedule(self, intent: str, after_seconds: float) -> None:
        """Have an action undone after so long."""
        due = repr(self._clock.now() + after_seconds).encode()
        await self._store.put([Write(_PREFIX + intent, due, None)])

    async def due(self) -> list[str]:
        """Return the intents whose time is over."""
        now = self._clock.now()
        return [item.key.removeprefix(_PREFIX) async for item in self._store.scan(_PREFIX) if float(item.value) <= now]

    async def forget(self, intent: str) -> None:
        """Remove what has been undone, or cannot be."""
        await self._store.delete([Delete(_PREFIX + intent, None)])
