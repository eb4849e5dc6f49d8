"""The one seam to the outside world's memory: what a state store promises, on five verbs over versioned items.

Claims, positions, leases, windows, the journal and approvals are all written on it.  Calls are batches, because a
round trip costs more than an item; the writes of one batch are independent of each other, not a transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

ABSENT = 0
"""The version of an item that is not there: expect it to create."""

MOST_KEY_BYTES = 1_024
MOST_VALUE_BYTES = 300_000
"""Both DynamoDB's: a sort key's limit, and its 400 KB an item less names and room to grow."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """What is stored under a key."""

    key: str
    value: bytes
    version: int
    """Opaque, never 0; every write gives one that the key never had, also after the item was deleted in between."""
    expires_at: float | None = None
    """Seconds since the epoch; from then on the item counts as absent."""


class Write(msgspec.Struct, frozen=True, gc=False):
    """Put `value` under `key` if the item's version still is `expect` (ABSENT: if there is none; None: in any case)."""

    key: str
    value: bytes
    expect: int | None
    expires_at: float | None = None


class Delete(msgspec.Struct, frozen=True, gc=False):
    """Remove the item under `key` if its version still is `expect` (None: in any case)."""

    key: str
    expect: int | None


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """The answer to a conditional write or delete whose condition did not hold."""

    current: Item | None
    """The item as it stands; None where it is absent."""


def collection_of(key: str) -> str:
    """Return what stands before a key's or a prefix's first slash.  Raises ValueError where there is none."""
    collection, slash, _ = key.partition("/")
    if not slash:
        raise ValueError(f"a key of the state store names its collection before a slash: {key!r}")
    return collection


def check_write(write: Write) -> None:
    """Raise ValueError, a fault of the caller's, for what no store could hold."""
    collection_of(write.key)
    if len(write.key.encode()) > MOST_KEY_BYTES or len(write.value) > MOST_VALUE_BYTES:
        raise ValueError(f"too large for the state store: {write.key[:100]!r}, {len(write.value)} bytes")


class StateStore(Protocol):
    """Keys are "collection/name", at most MOST_KEY_BYTES in UTF-8; values have at most MOST_VALUE_BYTES.

    Called concurrently from one event loop; several processes may share one store.  Every verb raises StateError when
    the store cannot answer, with nothing known about which writes of the batch took place: callers repeat, and the
    versions tell.  An expired item is absent for every verb, whether or not it has been purged yet.
    """

    async def get(self, keys: Sequence[str]) -> list[Item | None]:
        """Return the items in the order asked for; reads see every write that has returned."""

    async def put(self, writes: Sequence[Write]) -> list[Item | Conflict]:
        """Write each whose condition holds; of two writes that race for one version exactly one gets its Item back."""

    async def delete(self, deletes: Sequence[Delete]) -> list[Conflict | None]:
        """Remove each whose condition holds; removing what is absent succeeds (None) unless a version was expected."""

    def scan(self, prefix: str) -> AsyncIterator[Item]:
        """Yield all items whose key starts with `prefix`, by key; writes made meanwhile may or may not be seen.

        The prefix names its collection in full: it holds the key's first slash.
        """

    async def purge(self) -> int:
        """Remove expired items, a bounded number a call; return how many.  0 where the store does so by itself."""

    async def check(self) -> str:
        """Reach the store without changing anything, for `vigild check`; return a line that says what is there."""

    async def close(self) -> None:
        """Finish what runs and let go of files and connections."""
