"""Holds: actions that people, or the loop breaker, have stopped for a time.  Silences of alerts are another thing.

`vigild holds` writes them, gate.py asks before every action.  A hold that cannot be read stops all actions until it is
lifted: whoever placed it wanted something not to be touched, and nobody knows what.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

from daemon.actions.resource_names import is_named
from daemon.actions.subject import Subject
from daemon.clock import Clock
from daemon.dispatch.remediation.aside import Aside
from daemon.state.base import Delete, Item, StateStore, Write
from daemon.telemetry.names import StoredKind

_PREFIX = "hold/"
_FRESH_SECONDS = 2.0
"""How old the list of holds may be that an action goes by."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Actions that match all that is given are refused until it ends.  `*` stands for any text; a resource goes by any
    of its names (see resource_names.py).
    """

    id: str
    rule: str = "*"
    action: str = "*"
    account: str = "*"
    resource: str = "*"
    by: str
    why: str
    since: float
    """Seconds since the epoch."""

    def covers(self, rule: str, action: str, subject: Subject) -> bool:
        """Return whether an action on the subject is held."""
        return (
            fnmatchcase(rule, self.rule)
            and fnmatchcase(action, self.action)
            and fnmatchcase(subject.account, self.account)
            and is_named(subject, self.resource)
        )


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Hold).decode


class Holds:
    """All holds in force.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock, aside: Aside) -> None:
        self._store = store
        self._clock = clock
        self._aside = aside
        self._known: list[Hold] = []
        self._looked_at = float("-inf")

    async def place(self, hold: Hold, until: float | None) -> None:
        """Put a hold in force until then (seconds since the epoch), or until it is lifted."""
        await self._store.put([Write(_PREFIX + hold.id, _encode(hold), None, until)])
        self._looked_at = float("-inf")

    async def lift(self, hold_id: str) -> bool:
        """End a hold; False where there is none of this id."""
        found = hold_id in {hold.id for hold in await self.in_force()}
        await self._store.delete([Delete(_PREFIX + hold_id, None)])
        self._looked_at = float("-inf")
        return found

    async def in_force(self) -> list[Hold]:
        """Return all holds, as they are now."""
        self._known = [self._read(item) async for item in self._store.scan(_PREFIX)]
        self._looked_at = self._clock.monotonic()
        return self._known

    async def covering(self, rule: str, action: str, subject: Subject) -> Hold | None:
        """Return a hold that stops such an action, as of two seconds ago at most."""
        if self._clock.monotonic() - self._looked_at > _FRESH_SECONDS:
            await self.in_force()
        return next((hold for hold in self._known if hold.covers(rule, action, subject)), None)

    def _read(self, item: Item) -> Hold:
        name = item.key.removeprefix(_PREFIX)
        try:
            return msgspec.structs.replace(_decode(item.value), id=name)
        except msgspec.DecodeError:
            self._aside.tell(StoredKind.HOLD, item)
            return Hold(id=name, by="vigild", why="a hold that cannot be read", since=self._clock.now())
