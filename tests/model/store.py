"""The model's state store and clock: what daemon/state promises and no more, one item a step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from typing import Any

from daemon.state.base import ABSENT, Conflict, Delete, Item, StateStore, Write
from tests.model.explorer import Request


class Shelf:
    """What is stored.  A version is the number of a key's writes so far: never used again, the same in every replay."""

    def __init__(self) -> None:
        self.time = 0.0
        self._items: dict[str, Item] = {}
        self._writes: dict[str, int] = {}

    def carry_out(self, detail: Write | Delete | str, now: float) -> Item | Conflict | None:
        """Do one item's verb, by the caller's clock, and return its answer."""
        if isinstance(detail, Write):
            return self._put(detail, now)
        if isinstance(detail, Delete):
            return self._delete(detail, now)
        return self.current(detail, now)

    def current(self, key: str, now: float) -> Item | None:
        """Return the item where there is one that has not expired."""
        item = self._items.get(key)
        return None if item is None or (item.expires_at is not None and item.expires_at <= now) else item

    def key(self) -> Hashable:
        """Return what tells this content from others."""
        return tuple(sorted(self._items.items())), tuple(sorted(self._writes.items()))

    def keys(self, prefix: str) -> list[str]:
        """Return the keys of a prefix in order, expired ones too."""
        return sorted(key for key in self._items if key.startswith(prefix))

    def _put(self, write: Write, now: float) -> Item | Conflict:
        current = self.current(write.key, now)
        if write.expect is not None and (current.version if current else ABSENT) != write.expect:
            return Conflict(current)
        self._writes[write.key] = self._writes.get(write.key, 0) + 1
        item = Item(write.key, write.value, self._writes[write.key], write.expires_at)
        self._items[write.key] = item
        return item

    def _delete(self, delete: Delete, now: float) -> Conflict | None:
        current = self.current(delete.key, now)
        if delete.expect is not None and (current.version if current else ABSENT) != delete.expect:
            return Conflict(current)
        self._items.pop(delete.key, None)
        return None


class ModelClock:
    """One process's clock: the shelf's time, perhaps set wrong."""

    def __init__(self, shelf: Shelf, wrong_by: float = 0.0) -> None:
        self._shelf = shelf
        self._wrong_by = wrong_by

    def now(self) -> float:
        """See Clock."""
        return self._shelf.time + self._wrong_by

    def monotonic(self) -> float:
        """See Clock."""
        return self._shelf.time

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await Request("sleep", self._shelf.time + seconds)


class ModelStore(StateStore):
    """One process's way to the shelf: a batch is a step for each of its items, as it is with DynamoDB."""

    def __init__(self, shelf: Shelf, clock: ModelClock) -> None:
        self._shelf = shelf
        self._clock = clock

    async def get(self, keys: Sequence[str]) -> list[Item | None]:
        """See StateStore."""
        return await self._steps(keys)

    async def put(self, writes: Sequence[Write]) -> list[Item | Conflict]:
        """See StateStore."""
        return await self._steps(writes)

    async def delete(self, deletes: Sequence[Delete]) -> list[Conflict | None]:
        """See StateStore."""
        return await self._steps(deletes)

    async def scan(self, prefix: str) -> AsyncIterator[Item]:
        """See StateStore."""
        for key in self._shelf.keys(prefix):
            item = await self._step(key)
            if item is not None:
                yield item

    async def purge(self) -> int:
        """See StateStore."""
        return 0

    async def check(self) -> str:
        """See StateStore."""
        return "model"

    async def close(self) -> None:
        """See StateStore."""

    async def _steps(self, details: Sequence[Write | Delete | str]) -> list[Any]:
        # Not a comprehension: how far it is shows in the length of `answers`, which the explorer sees.
        answers: list[Any] = []
        for detail in details:
            answers.append(await self._step(detail))  # noqa: PERF401
        return answers

    async def _step(self, detail: Write | Delete | str) -> Any:
        return await Request("store", lambda: self._shelf.carry_out(detail, self._clock.now()))
