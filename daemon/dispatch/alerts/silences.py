"""Silences: alerts that people hold back for a time.  Holds of actions are another thing, and neither does the other's.

`vigild silences` writes them, quiet.py asks before every alert, keeper.py says when one is over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from anyio import Lock

from daemon.clock import Clock
from daemon.dispatch.alerts.facts import Alert
from daemon.dispatch.alerts.scope import Scope
from daemon.dispatch.remediation.aside import Aside
from daemon.state.base import Delete, Item, StateStore, Write
from daemon.telemetry.names import StoredKind

_PREFIX = "silence/"
_FRESH_SECONDS = 2.0
"""How old the list of silences may be that an alert goes by."""
_KEEP_SECONDS = 30 * 86_400.0
"""How long a silence that is over waits for a daemon that says so."""
LONGEST_SECONDS = 31 * 86_400.0
"""A silence that never ends is a rule that should be removed."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts in its scope are recorded and not sent until it ends; actions go on."""

    id: str
    scope: Scope
    by: str
    why: str
    since: float
    """Seconds since the epoch."""
    until: float


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Silence).decode


class Silences:
    """All silences of a state store.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock, aside: Aside) -> None:
        self._store = store
        self._aside = aside
        self._clock = clock
        self._known: list[Silence] = []
        self._looked_at = float("-inf")
        self._turn = Lock()

    async def place(self, silence: Silence) -> None:
        """Put a silence in force."""
        expires_at = silence.until + _KEEP_SECONDS
        await self._store.put([Write(_PREFIX + silence.id, _encode(silence), None, expires_at)])

    async def expire(self, silence_id: str) -> Silence | None:
        """End a silence now; return it, or None where there is none of this id in force."""
        (item,) = await self._store.get([_PREFIX + silence_id])
        silence = self._read(item) if item is not None else None
        if silence is None or silence.until <= self._clock.now():
            return None
        await self.place(msgspec.structs.replace(silence, until=self._clock.now()))
        return silence

    async def all(self) -> AsyncIterator[Silence]:
        """Yield those in force, and those that are over and nobody has said so of yet."""
        async for item in self._store.scan(_PREFIX):
            silence = self._read(item)
            if silence is not None:
                yield silence

    def _read(self, item: Item) -> Silence | None:
        """Return the silence; None for what is none, which holds nothing back."""
        try:
            return _decode(item.value)
        except msgspec.DecodeError:
            self._aside.tell(StoredKind.SILENCE, item)
            return None

    async def in_force(self) -> list[Silence]:
        """Return those in force, as they are now."""
        now = self._clock.now()
        try:
            self._known = [silence async for silence in self.all() if silence.until > now]
        finally:
            # A look that failed counts: while the store is away, alerts must not wait for one scan each.
            self._looked_at = self._clock.monotonic()
        return self._known

    async def covering(self, alert: Alert) -> Silence | None:
        """Return a silence that holds the alert back, as of two seconds ago at most.

        Raises StateError to whoever looks in vain; until the next look the others get what was known last.
        """
        if not self._is_fresh:
            # One looks, those that come meanwhile wait: a thousand alerts at the same time are one scan.
            async with self._turn:
                if not self._is_fresh:
                    await self.in_force()
        return self.known_covering(alert)

    @property
    def _is_fresh(self) -> bool:
        return self._clock.monotonic() - self._looked_at <= _FRESH_SECONDS

    def known_covering(self, alert: Alert) -> Silence | None:
        """Return a silence that holds the alert back, as far as was known last."""
        now = self._clock.now()
        return next((silence for silence in self._known if silence.until > now and silence.scope.covers(alert)), None)

    async def forget(self, silence_id: str) -> bool:
        """Remove one whose end has been told; return whether it was us who did, of all processes."""
        (item,) = await self._store.get([_PREFIX + silence_id])
        if item is None:
            return False
        (gone,) = await self._store.delete([Delete(item.key, item.version)])
        return gone is None
