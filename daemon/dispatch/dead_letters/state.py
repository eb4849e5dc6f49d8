"""Dead letters in the state store, for those who want no other place; those too large for an item lie in a file."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

from daemon.dispatch.dead_letters.file import spare_file
from daemon.dispatch.dead_letters.letter import DeadLetter, letter_text, read_letter
from daemon.dispatch.dead_letters.place import REMOVED_AT_ONCE, Kept, PlaceContext
from daemon.errors import ConfigError
from daemon.grants import Grant, Place
from daemon.state.base import MOST_VALUE_BYTES, Delete, Write
from daemon.yaml_file import Strict

_LARGEST_LETTER_BYTES = 8 * 1024**2
"""A bound on what is unpacked: an event, its escapes and a body in base64 fit."""


class StateDeadLetterConfig(Strict):
    """Dead letters as items of the state store, kept until they are removed."""

    type: Literal["state"]
    too_large_path: Path | None = None
    """A file for letters that are over 300,000 bytes even compressed; without it, var/dead-letters-<place>.ndjson."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """Return what it needs from IAM: nothing, beyond the state store's."""
        del place
        return ()


class StateDeadLetters:
    """Letters under letter/<place>/, by the letter's key: one that is parked again replaces itself.

    A handle is the deletion of what was handed out, and of no later letter; or what the file beside made.
    """

    def __init__(self, name: str, config: StateDeadLetterConfig, context: PlaceContext) -> None:
        if context.store is None:
            raise ConfigError(f"dead_letters.{name}: no state store is open")
        self._prefix = f"letter/{name}/"
        self._store = context.store
        self._spare = spare_file(name, config.too_large_path)

    async def park(self, letter: DeadLetter) -> None:
        """See DeadLetterPlace."""
        value = zlib.compress(letter_text(letter).encode(), 1)
        if len(value) > MOST_VALUE_BYTES:
            await self._spare.park(letter)
            return
        await self._store.put([Write(self._prefix + letter.key, value, None)])

    async def letters(self) -> AsyncIterator[Kept]:
        """See DeadLetterPlace."""
        async for item in self._store.scan(self._prefix):
            yield Kept(_unpacked(item.value), Delete(item.key, item.version))
        async for kept in self._spare.letters():
            yield kept

    async def count(self) -> int:
        """See DeadLetterPlace."""
        items = 0
        async for _ in self._store.scan(self._prefix):
            items += 1
        return items + await self._spare.count()

    async def batch(self) -> int:
        """See DeadLetterPlace."""
        return REMOVED_AT_ONCE

    async def check(self) -> str:
        """See DeadLetterPlace."""
        return f"in the state store, {await self._store.check()}"

    async def remove(self, handles: Sequence[object]) -> int:
        """See DeadLetterPlace."""
        deletes = [handle for handle in handles if isinstance(handle, Delete)]
        removed = await self._spare.remove([handle for handle in handles if not isinstance(handle, Delete)])
        answers = await self._store.delete(deletes) if deletes else []
        return removed + sum(answer is None for answer in answers)

    async def close(self) -> None:
        """See DeadLetterPlace."""
        await self._spare.close()


def _unpacked(value: bytes) -> DeadLetter | None:
    try:
        return read_letter(zlib.decompressobj().decompress(value, _LARGEST_LETTER_BYTES))
    except zlib.error:
        return None
