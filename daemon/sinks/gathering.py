"""Sends many entries in one call: what comes while a call is under way is gathered for the next one.

batching.py is the caller.  Nobody waits for others to come: an entry that comes alone goes at once, alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from anyio import Lock

from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError

EntryT = TypeVar("EntryT")


class Limits(NamedTuple):
    """Of one call."""

    entries: int
    size: int
    """Bytes of all entries together."""


def _given_up() -> EffectError:
    return RetryableError(FailureKind.UNREACHABLE, "the call that carried it was given up")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[EntryT]):
    """An entry that somebody waits for."""

    entry: EntryT
    size: int
    identity: str | None
    is_taken: bool = False
    error: EffectError | None = field(default_factory=_given_up)


class Gatherer(Generic[EntryT]):
    """Used by one event loop; one call at a time, made by whichever sender has its turn."""

    def __init__(
        self, send: Callable[[Sequence[EntryT]], Awaitable[Sequence[EffectError | None]]], limits: Limits
    ) -> None:
        """Take what makes one call: it returns an error or None for each entry, or raises what befell them all."""
        self._send = send
        self._limits = limits
        self._queue: deque[_Waiting[EntryT]] = deque()
        self._turn = Lock()

    async def send(self, entry: EntryT, size: int, identity: str | None = None) -> None:
        """Return once the entry is taken; raises the EffectError that befell it.

        Of entries with one identity only one goes in a call, so that they keep their order and their outcomes apart.
        Where the sender whose turn it was is cancelled in the middle of the call, the other entries of that call raise
        a RetryableError: nobody knows what became of them.
        """
        waiting = _Waiting(entry, size, identity)
        self._queue.append(waiting)
        try:
            async with self._turn:
                while not waiting.is_taken:
                    await self._deliver(self._take())
        finally:
            if not waiting.is_taken:
                self._queue.remove(waiting)
        if waiting.error is not None:
            raise waiting.error

    def _take(self) -> list[_Waiting[EntryT]]:
        """Return the oldest entries that fit into one call, one at least."""
        taken: list[_Waiting[EntryT]] = []
        size, identities = 0, set[str]()
        while self._queue and len(taken) < self._limits.entries:
            oldest = self._queue[0]
            size += oldest.size
            if taken and (size > self._limits.size or oldest.identity in identities):
                break
            if oldest.identity is not None:
                identities.add(oldest.identity)
            taken.append(self._queue.popleft())
            oldest.is_taken = True
        return taken

    async def _deliver(self, batch: list[_Waiting[EntryT]]) -> None:
        """Send in one call.  What AWS refuses as a whole goes in halves, so that one bad entry fails alone."""
        try:
            errors = await self._send([waiting.entry for waiting in batch])
        except EffectError as error:
            if isinstance(error, PermanentError) and error.kind is FailureKind.REFUSED and len(batch) > 1:
                half = len(batch) // 2
                await self._deliver(batch[:half])
                await self._deliver(batch[half:])
                return
            errors = [error] * len(batch)
        for waiting, outcome in zip(batch, errors, strict=True):
            waiting.error = outcome
