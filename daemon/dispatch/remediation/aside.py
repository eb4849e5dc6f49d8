"""Keeps what cannot be read in the state store from stopping what can: counted, logged once, out of the way.

approvals.py, counts.py, schedule.py, holds.py and record.py, and dispatch/alerts/, come here with an item that is not
what they have written.
"""

from __future__ import annotations

from daemon.clock import Clock
from daemon.state.base import Item, StateStore, Write
from daemon.telemetry import Telemetry
from daemon.telemetry.actions import StoredItemUnreadable
from daemon.telemetry.names import StoredKind

_PREFIX = "aside/"
_KEEP_SECONDS = 90 * 86_400.0
_MOST_KNOWN = 1_000


class Aside:
    """Items that cannot be read, of one process."""

    def __init__(self, store: StateStore, telemetry: Telemetry, clock: Clock) -> None:
        self._store = store
        self._telemetry = telemetry
        self._clock = clock
        self._told: dict[tuple[str, int], None] = {}

    def tell(self, kind: StoredKind, item: Item) -> None:
        """Count and log an item that stays where it is, once."""
        if (item.key, item.version) not in self._told:
            if len(self._told) >= _MOST_KNOWN:
                del self._told[next(iter(self._told))]
            self._told[item.key, item.version] = None
            self._telemetry.emit(StoredItemUnreadable(kind, item.key))

    async def replace(self, kind: StoredKind, item: Item, instead: bytes) -> None:
        """Keep the item under another key, for a person to look at, and put `instead` into its place.

        Raises StateError; repeating it is safe.
        """
        self.tell(kind, item)
        await self._store.put([Write(_PREFIX + item.key, item.value, None, self._clock.now() + _KEEP_SECONDS)])
        await self._store.put([Write(item.key, instead, item.version, item.expires_at)])
