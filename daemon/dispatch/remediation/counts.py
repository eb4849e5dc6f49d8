"""Counts by the hour in the state store, shared by all processes: budgets and touches of a resource.

Taken before acting, given back where it did not come to it; a crash in between leaves a count too high, never too low.
For the same reason a budget whose count cannot be read is used up for its hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from daemon.clock import Clock
from daemon.dispatch.remediation.aside import Aside
from daemon.dispatch.remediation.keys import short
from daemon.state.base import ABSENT, Conflict, Item, StateStore, Write
from daemon.telemetry.names import StoredKind

HOUR = 3_600.0
_PREFIX = "count/"
_COUNT = re.compile(rb"[0-9]{1,18}")
_FRESH_SECONDS = 5.0
"""How long a counter counts as used up without another look: what others give back counts from then on."""


class Taken(msgspec.Struct, frozen=True):
    """What was counted, and when: given back in the next hour, it must not lower that hour's counts."""

    names: tuple[str, ...]
    many: int
    hour: int


class _Full(msgspec.Struct, frozen=True):
    """A counter that had no room for so many."""

    hour: int
    since: float
    many: int


class HourlyCounts:
    """Counters that begin anew with every hour of the clock.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock, aside: Aside) -> None:
        self._store = store
        self._clock = clock
        self._aside = aside
        self._used_up: dict[str, _Full] = {}
        """Counters found at their limit: spares the store in a storm."""

    async def take(self, limits: Mapping[str, int], many: int = 1) -> Taken | str:
        """Count so many on each counter, unless that takes one past its limit: then count none, return its name."""
        known = self.used_up(limits, many)
        if known is not None:
            return known
        hour = int(self._clock.now() // HOUR)
        taken: list[str] = []
        while len(taken) < len(limits):
            room = {name: limit - many for name, limit in limits.items() if name not in taken}
            full = await self._count(room, many, hour, taken)
            if full is not None:
                await self._add(taken, -many, hour)
                self._used_up[full] = _Full(hour, self._clock.monotonic(), many)
                return full
        return Taken(tuple(limits), many, hour)

    def used_up(self, names: Iterable[str], many: int = 1) -> str | None:
        """Return one that had no room for so many a moment ago, without asking the store."""
        hour, since = int(self._clock.now() // HOUR), self._clock.monotonic() - _FRESH_SECONDS
        for name in names:
            full = self._used_up.get(name)
            if full is not None and full.hour == hour and full.since >= since and full.many <= many:
                return name
        return None

    async def give_back(self, taken: Taken) -> None:
        """Take off each what was counted, where an action was not needed after all."""
        for name in taken.names:
            self._used_up.pop(name, None)
        await self._add(list(taken.names), -taken.many, taken.hour)

    async def add(self, name: str) -> int:
        """Count one; return the new count."""
        hour = int(self._clock.now() // HOUR)
        await self._add([name], 1, hour)
        (item,) = await self._store.get([_key(name, hour)])
        return self._read(item, unreadable=0)

    async def _count(self, room: Mapping[str, int], many: int, hour: int, taken: list[str]) -> str | None:
        """Count where nobody else does at the same time; `room` is up to where a counter may stand before."""
        items = await self._store.get([_key(name, hour) for name in room])
        counts = {
            name: (self._read(item, unreadable=room[name] + many), item.version if item else ABSENT)
            for name, item in zip(room, items, strict=True)
        }
        for name, (count, _) in counts.items():
            if count > room[name]:
                return name
        writes = [self._write(name, hour, count + many, version) for name, (count, version) in counts.items()]
        answers = await self._store.put(writes)
        taken += [name for name, answer in zip(room, answers, strict=True) if not isinstance(answer, Conflict)]
        return None

    async def _add(self, names: list[str], step: int, hour: int) -> None:
        while names:
            items = await self._store.get([_key(name, hour) for name in names])
            writes = [
                self._write(name, hour, max(self._read(item, unreadable=0) + step, 0), item.version if item else ABSENT)
                for name, item in zip(names, items, strict=True)
            ]
            answers = await self._store.put(writes)
            names = [name for name, answer in zip(names, answers, strict=True) if isinstance(answer, Conflict)]

    def _read(self, item: Item | None, unreadable: int) -> int:
        if item is None:
            return 0
        if _COUNT.fullmatch(item.value):
            return int(item.value)
        self._aside.tell(StoredKind.COUNT, item)
        return unreadable

    def _write(self, name: str, hour: int, count: int, expect: int) -> Write:
        return Write(_key(name, hour), str(count).encode(), expect, (hour + 2) * HOUR)


def _key(name: str, hour: int) -> str:
    return f"{_PREFIX}{hour}/{short(name)}"
