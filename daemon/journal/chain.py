"""An append-only chain of blocks in the state store, each with the hash of the one before it.

A block is a conditional create under the next number: of two processes that append at the same time one wins, the other
reads the winner's block and goes on behind it.  Entries that wait for their turn go into one block together.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence

import anyio
import msgspec

from daemon.errors import FailureKind, PermanentError
from daemon.journal.entry import Entry
from daemon.state.base import ABSENT, Item, StateStore, Write

GENESIS = "0" * 64
"""What stands for the hash before the first block."""

_PREFIX = "journal/"
_HINT = "journal-head/"
"""The number of a block near the end, so that nobody has to read the whole chain to append to it."""
_HINT_BLOCKS = 50
_REMEMBERED_BLOCKS = 64
"""How far back an entry is known to be there already: what a crash can make somebody append again is recent."""
_MOST_ENTRIES = 100
_MOST_READ = 64
_MOST_BYTES = 200_000
"""Of one block: what the state store takes, less names and hash."""


class Block(msgspec.Struct, frozen=True):
    """What is stored under one number."""

    previous: str
    """SHA-256 of the previous block's stored bytes, in hexadecimal."""
    entries: tuple[msgspec.Raw, ...]


class BrokenChainError(PermanentError):
    """Raised when the chain does not hold: a block was changed, or is missing."""

    def __init__(self, detail: str) -> None:
        super().__init__(FailureKind.STATE, detail)


_encode = msgspec.json.Encoder().encode
_decode_block = msgspec.json.Decoder(Block).decode
_decode_entry = msgspec.json.Decoder(Entry).decode


class Journal:
    """The chain as one process sees it; append may be called concurrently."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._turn = anyio.Lock()
        self._number = 0
        """Of the next block, as far as we know."""
        self._hash = GENESIS
        self._waiting: list[msgspec.Raw] = []
        self._begun = False
        self._recent: dict[tuple[str, str, int], int] = {}
        """What names the entries in the last blocks, with the block's number."""

    async def append(self, entry: Entry) -> None:
        """Return once the entry is part of the chain; a step of a plan is appended once, however often it is told.

        Raises StateError: then it may or may not be there, and is appended again.  Raises BrokenChainError.
        """
        encoded = msgspec.Raw(_encode(entry))
        if len(encoded) > _MOST_BYTES:
            raise ValueError(f"a journal entry of {len(encoded)} bytes")
        self._waiting.append(encoded)
        try:
            async with self._turn:
                if not self._begun:
                    await self._begin()
                while encoded in self._waiting and _name(entry) not in self._recent:
                    await self._append_block()
        finally:
            if encoded in self._waiting:
                self._waiting.remove(encoded)

    async def read(self) -> AsyncIterator[Entry]:
        """Yield all entries, oldest first, checking every link.  Raises BrokenChainError, and StateError."""
        async for entry in self.read_past_faults():
            if isinstance(entry, BrokenChainError):
                raise entry
            yield entry

    async def read_past_faults(self) -> AsyncIterator[Entry | BrokenChainError]:
        """Yield all entries that are there, oldest first, and the chain's faults where they are.  Raises StateError."""
        number, previous = 0, GENESIS
        async for item in self._store.scan(_PREFIX):
            if item.key != _key(number):
                there = int(item.key.removeprefix(_PREFIX))
                yield BrokenChainError(f"journal: block {number} is missing, the next one is {there}")
                number, previous = there, ""
            try:
                block = _read(item, number)
                entries = [_decode_entry(raw) for raw in block.entries]
            except (BrokenChainError, msgspec.DecodeError):
                yield BrokenChainError(f"journal: block {number} cannot be read")
            else:
                if previous and previous != block.previous:
                    yield BrokenChainError(f"journal: block {number} does not follow from the one before it")
                for entry in entries:
                    yield entry
            number, previous = number + 1, _hash_of(item)

    async def head(self) -> tuple[int, str]:
        """Return the number of blocks and the hash of the last: kept elsewhere, they show a cut-off end.

        Raises StateError.
        """
        async with self._turn:
            if not self._begun:
                await self._begin()
            await self._catch_up()
            return self._number, self._hash

    async def goes_through(self, block_hash: str) -> bool:
        """Return whether a block of the chain has this hash.  Raises StateError."""
        async for item in self._store.scan(_PREFIX):
            if _hash_of(item) == block_hash:
                return True
        return False

    async def _begin(self) -> None:
        """Find the end of the chain, and what stands in the blocks before it."""
        (hint,) = await self._store.get([_HINT])
        start = max((int(hint.value) if hint else 0) - _REMEMBERED_BLOCKS, 0)
        if start:
            (before,) = await self._store.get([_key(start - 1)])
            if before is None:
                raise BrokenChainError(f"journal: block {start - 1} is missing")
            self._number, self._hash = start, _hash_of(before)
        await self._catch_up()
        self._begun = True

    async def _append_block(self) -> None:
        entries = _fitting(self._waiting)
        value = _encode(Block(self._hash, tuple(entries)))
        (answer,) = await self._store.put([Write(_key(self._number), value, ABSENT)])
        ours = answer if isinstance(answer, Item) else answer.current
        if ours is not None and ours.value == value:
            # Also where an earlier attempt got through although its answer did not.
            del self._waiting[: len(entries)]
            self._go_past(ours, Block(self._hash, tuple(entries)))
            if self._number % _HINT_BLOCKS == 0:
                await self._store.put([Write(_HINT, str(self._number).encode(), None)])
        else:
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Read on to the end of the chain."""
        step = 1
        while True:
            keys = [_key(self._number + ahead) for ahead in range(step)]
            step = min(step * 4, _MOST_READ)
            for item in await self._store.get(keys):
                if item is None:
                    return
                block = _read(item, self._number)
                if block.previous != self._hash:
                    raise BrokenChainError(f"journal: block {self._number} does not follow from the one before it")
                self._go_past(item, block)

    def _go_past(self, item: Item, block: Block) -> None:
        for raw in block.entries:
            entry = _decode_entry(raw)
            if entry.intent:
                self._recent[_name(entry)] = self._number
        self._number, self._hash = self._number + 1, _hash_of(item)
        if self._number % _REMEMBERED_BLOCKS == 0:
            oldest = self._number - _REMEMBERED_BLOCKS
            self._recent = {step: number for step, number in self._recent.items() if number >= oldest}


def _fitting(waiting: Sequence[msgspec.Raw]) -> list[msgspec.Raw]:
    """Return the entries from the front that one block takes."""
    size, count = 0, 0
    for raw in waiting[:_MOST_ENTRIES]:
        size += len(raw) + 1
        if size > _MOST_BYTES and count:
            break
        count += 1
    return list(waiting[:count])


def _name(entry: Entry) -> tuple[str, str, int]:
    return entry.intent, entry.step, entry.plan_number


def _key(number: int) -> str:
    return f"{_PREFIX}{number:012d}"


def _hash_of(item: Item) -> str:
    return hashlib.sha256(item.value).hexdigest()


def _read(item: Item, number: int) -> Block:
    try:
        return _decode_block(item.value)
    except msgspec.DecodeError as error:
        raise BrokenChainError(f"journal: block {number} cannot be read") from error
