"""Which intents something falls due on by itself, and when; see due.py.

kernel.py schedules the end of what is done for a time only (`undo_after_seconds`: an address is unblocked), and
expired.py undoes it; undo.py schedules that an undo is told, and undone.py tells it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from daemon.clock import Clock
from daemon.dispatch.remediation.aside import Aside
from daemon.state.base import Delete, Item, StateStore, Write
from daemon.telemetry.names import StoredKind


class Due(NamedTuple):
    """An intent whose time has come, or can no longer be read."""

    intent: str
    readable: bool


class Schedule:
    """Intents under one prefix of the state store.  Every verb raises StateError."""

    def __init__(self, prefix: str, store: StateStore, clock: Clock, aside: Aside) -> None:
        self._prefix = prefix
        self._store = store
        self._clock = clock
        self._aside = aside

    async def add(self, intent: str, after_seconds: float = 0.0) -> None:
        """Have an intent fall due after so long."""
        due = repr(self._clock.now() + after_seconds).encode()
        await self._store.put([Write(self._prefix + intent, due, None)])

    async def due(self) -> list[Due]:
        """Return the intents whose time has come, and those of which nobody knows when."""
        now = self._clock.now()
        found = []
        async for item in self._store.scan(self._prefix):
            time = _time_in(item)
            if time is None:
                self._aside.tell(StoredKind.EXPIRY, item)
            if time is None or time <= now:
                found.append(Due(item.key.removeprefix(self._prefix), readable=time is not None))
        return found

    async def forget(self, intent: str) -> None:
        """Take off what has been dealt with."""
        await self._store.delete([Delete(self._prefix + intent, None)])


def _time_in(item: Item) -> float | None:
    try:
        time = float(item.value)
    except ValueError:
        return None
    return None if math.isnan(time) else time
