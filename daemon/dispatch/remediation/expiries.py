"""When which action ends by itself (`undo_after_seconds`): an address is unblocked after its time.

kernel.py schedules when an action is done, expired.py undoes what is due.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from daemon.clock import Clock
from daemon.dispatch.remediation.aside import Aside
from daemon.state.base import Delete, Item, StateStore, Write
from daemon.telemetry.names import StoredKind

_PREFIX = "undo-at/"


class Expired(NamedTuple):
    """An intent whose time is over, or can no longer be read."""

    intent: str
    readable: bool


class Expiries:
    """When which intent is to be undone.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock, aside: Aside) -> None:
        self._store = store
        self._clock = clock
        self._aside = aside

    async def schedule(self, intent: str, after_seconds: float) -> None:
        """Have an action undone after so long."""
        due = repr(self._clock.now() + after_seconds).encode()
        await self._store.put([Write(_PREFIX + intent, due, None)])

    async def due(self) -> list[Expired]:
        """Return the intents whose time is over, and those of which nobody knows when."""
        now = self._clock.now()
        found = []
        async for item in self._store.scan(_PREFIX):
            time = _time_in(item)
            if time is None:
                self._aside.tell(StoredKind.EXPIRY, item)
            if time is None or time <= now:
                found.append(Expired(item.key.removeprefix(_PREFIX), readable=time is not None))
        return found

    async def forget(self, intent: str) -> None:
        """Remove what has been undone, or cannot be."""
        await self._store.delete([Delete(_PREFIX + intent, None)])


def _time_in(item: Item) -> float | None:
    try:
        time = float(item.value)
    except ValueError:
        return None
    return None if math.isnan(time) else time
