"""How far each file is settled, and that kept in the state store, so that a restart reads nothing twice.

files.py makes a Tracked for each file it reads, file.py settles the pieces; what has advanced is written in batches,
at most once a second and at flush.  After a crash what was not settled, or not written yet, is read again.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NoReturn

import msgspec

from daemon.errors import StateError
from daemon.sources.base import SourceContext
from daemon.sources.file.paths import Found
from daemon.state.base import Write
from daemon.telemetry.conditions import StateFailed

HEAD_BYTES = 1024
_WRITE_SECONDS = 1.0
_WRITE_ITEMS = 500


class Head(msgspec.Struct, frozen=True):
    """Fingerprint of a file's first bytes: tells a file that has grown from another one at its path."""

    length: int = 0
    digest: str = ""

    @classmethod
    def of(cls, opening: bytes) -> Head:
        """Return the fingerprint of a file that opens with these bytes, at most HEAD_BYTES of them."""
        return cls(len(opening), hashlib.blake2b(opening, digest_size=16).hexdigest())


class Position(msgspec.Struct, frozen=True):
    """What the store holds for a file."""

    path: str
    """For people; the key is a hash of it."""
    inode: int
    mtime_ns: int
    settled: int
    """Everything before this offset is settled."""
    resume: int
    """Where to read on should the file have grown: less than `settled` where its last line had no line feed."""
    head: Head
    """Empty for files that are handed over whole."""
    unreadable: str = ""
    """Why it could not be read when it was looked at last: told once, and tried again at every start."""

    def covers(self, found: Found) -> bool:
        """True when the file is settled to its end and has not been touched since."""
        return not self.unreadable and (self.inode, self.mtime_ns, self.settled) == (
            found.inode,
            found.mtime_ns,
            found.size,
        )

    def told_of(self, found: Found) -> str:
        """Return why the file cannot be read, as far as that is settled."""
        return self.unreadable if self.inode == found.inode else ""


class Piece(msgspec.Struct, eq=False):
    """What was handed out of a file in one delivery."""

    tracked: Tracked | None
    """None where there is nothing to resume: standard input, and what a file held that was overwritten."""
    start: int
    end: int
    resume: int
    unreadable: str = ""
    """Why it cannot be read further, where that is what was handed out."""
    is_settled: bool = False


class Tracked:
    """One file's pieces in hand, in order, and the offset up to which everything before them is settled."""

    def __init__(self, found: Found, settled: int, head: Head, resume: int | None = None) -> None:
        self.found = found
        """`found.path` names the position: a file that was renamed takes its position along."""
        self.head = head
        self.is_obsolete = False
        """The file was overwritten in place: what its old content settles is no position any more."""
        self._unreadable = ""
        self._settled = settled
        self._resume = settled if resume is None else resume
        self._pieces: deque[Piece] = deque()

    def hand_out(self, start: int, end: int, resume: int) -> Piece:
        """Note that these bytes are in hand now; they follow those handed out before."""
        piece = Piece(self, start, end, resume)
        self._pieces.append(piece)
        return piece

    def hand_out_fault(self, reason: str) -> Piece:
        """Note that what follows cannot be read, which is told now; how far the file was read stays known."""
        resume = self._pieces[-1].resume if self._pieces else self._resume
        piece = Piece(self, self.handed_out, self.handed_out, resume, reason)
        self._pieces.append(piece)
        return piece

    def settle(self, piece: Piece) -> None:
        """Note that a piece is settled; the position moves when it was the lowest."""
        piece.is_settled = True
        while self._pieces and self._pieces[0].is_settled:
            lowest = self._pieces.popleft()
            self._settled = lowest.end
            self._resume = lowest.resume
            self._unreadable = lowest.unreadable

    @property
    def handed_out(self) -> int:
        """The offset up to which all was handed out."""
        return self._pieces[-1].end if self._pieces else self._settled

    @property
    def is_settled(self) -> bool:
        """True while no piece is in hand."""
        return not self._pieces

    def position(self) -> Position:
        """Return what to store."""
        found = self.found
        return Position(
            found.name, found.inode, found.mtime_ns, self._settled, self._resume, self.head, self._unreadable
        )


class Positions:
    """The positions of one source in the state store."""

    def __init__(self, source: str, context: SourceContext) -> None:
        self._prefix = f"position/{source}/"
        self._state = context.state
        self._telemetry = context.telemetry
        self._clock = context.clock
        self._dirty: dict[str, Tracked] = {}
        self._in_writing: dict[str, Tracked] = {}

    async def read(self, files: Sequence[Found]) -> list[Position | None]:
        """Return the positions in the order asked for, also those not written yet.  Raises StateError."""
        keys = [self._key(found.path) for found in files]
        positions = [_decode(item.value) if item is not None else None for item in await self._state.get(keys)]
        for place, key in enumerate(keys):
            tracked = self._dirty.get(key) or self._in_writing.get(key)
            if tracked is not None:
                positions[place] = tracked.position()
        return positions

    def note(self, tracked: Tracked) -> None:
        """Have the file's position written soon."""
        if not tracked.is_obsolete:
            self._dirty[self._key(tracked.found.path)] = tracked

    async def keep_writing(self) -> NoReturn:
        """Write what has moved, once a second, for ever."""
        while True:
            await self._clock.sleep(_WRITE_SECONDS)
            await self._write()

    async def flush(self) -> None:
        """Write what has moved, however often that has to be tried."""
        while not await self._write():
            await self._clock.sleep(_WRITE_SECONDS)

    async def _write(self) -> bool:
        while self._dirty:
            batch = self._in_writing = dict(islice(self._dirty.items(), _WRITE_ITEMS))
            for key in batch:
                del self._dirty[key]
            writes = [
                Write(key, msgspec.json.encode(tracked.position()), expect=None)
                for key, tracked in batch.items()
                if not tracked.is_obsolete
            ]
            try:
                await self._state.put(writes)
            except StateError as error:
                # What has moved on meanwhile is in the table again already.
                self._dirty = {**batch, **self._dirty}
                self._telemetry.emit(StateFailed(error.detail, _WRITE_SECONDS))
                return False
        return True

    def _key(self, path: str) -> str:
        """Hashed: a path may be longer than a key may be, and need not be text."""
        return self._prefix + hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest()


def _decode(value: bytes) -> Position | None:
    try:
        return msgspec.json.decode(value, type=Position)
    except msgspec.DecodeError:
        # Written by another version: reading the file again is safe, guessing is not.
        return None
