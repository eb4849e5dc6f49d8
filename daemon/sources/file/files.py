"""Hands out files one after the other, once or (follow.py) for ever; file.py makes deliveries of what it returns.

Each step keeps what it has got so far in a queue of its own, so that one that fails half-way, because the state store
does not answer, is simply made again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from anyio import to_thread

from daemon.event import Framing
from daemon.sources.base import EndOfSource, Progress
from daemon.sources.file.follow import Follower, is_leaving
from daemon.sources.file.intake import Handout
from daemon.sources.file.line_reader import LineReader
from daemon.sources.file.lines import Run
from daemon.sources.file.paths import Found, find, reason_of
from daemon.sources.file.positions import Head, Piece, Position, Positions, Tracked
from daemon.sources.file.reading import (
    LineFile,
    Opened,
    ReadingLimits,
    SettledFile,
    UnfinishedFile,
    UnreadableFile,
    WholeFile,
    open_files,
    open_renamed,
)

_FOUND_AT_ONCE = 256
_MOST_LISTED = 10_000
"""Files of a finite source that are kept from adding up their sizes; a larger tree is walked a second time."""

_CHUNK_BYTES = 262_144
"""About the size of a delivery of lines."""


class Files:
    """The files under some paths, in order."""

    def __init__(
        self,
        paths: Sequence[str],
        limits: ReadingLimits,
        positions: Positions,
        follower: Follower | None,
    ) -> None:
        """How many were settled in full before."""
        self._paths = paths
        self._limits = limits
        self._positions = positions
        self._follower = follower
        self._listing: Iterator[Found] = iter(())
        self._found: deque[Found] = deque()
        self._placed: deque[tuple[Found, Position | None]] = deque()
        self._opened: deque[Opened] = deque()
        self._grown: deque[LineReader] = deque()
        self._reader: LineReader | None = None
        self._progress = Progress(0, 0)

    async def open(self) -> None:
        """Begin; a finite source first adds up how much there is."""
        if self._follower is None:
            self._progress, self._listing = await to_thread.run_sync(_survey, self._paths)

    async def next(self) -> Sequence[Handout]:
        """Return what comes next; nothing where the files looked at last hold nothing new.

        Raises EndOfSource, and RetryableError when the state store does not answer.
        """
        has_looked = False
        while True:
            handouts: Sequence[Handout] = ()
            if self._reader is not None:
                handouts = await self._read_on(self._reader)
            elif self._grown:
                self._reader = self._grown.popleft()
            elif self._opened:
                handouts = self._hand_out_opened()
            elif self._placed:
                await self._open_some()
            elif self._found:
                await self._place()
            elif has_looked:
                return ()
            else:
                await self._find()
                has_looked = True
            if handouts:
                return handouts

    def settle(self, piece: Piece) -> None:
        """Note that what was handed out is settled."""
        self._advance(piece.end - piece.start)
        if piece.tracked is not None:
            piece.tracked.settle(piece)
            self._positions.note(piece.tracked)

    def progress(self) -> Progress | None:
        """Return how far it is; None when following."""
        return self._progress if self._follower is None else None

    def close(self) -> None:
        """Close all descriptors."""
        if self._reader is not None:
            self._reader.close()
        if self._follower is not None:
            self._follower.close()

    async def _find(self) -> None:
        if self._follower is not None:
            grown, new = await self._follower.look()
            self._grown.extend(grown)
            self._found.extend(new)
            return
        self._found.extend(await to_thread.run_sync(lambda: list(islice(self._listing, _FOUND_AT_ONCE))))
        if not self._found:
            raise EndOfSource

    async def _place(self) -> None:
        """Look up positions, and leave out what is settled already."""
        files = list(islice(self._found, _FOUND_AT_ONCE))
        for found, position in zip(files, await self._positions.read(files), strict=True):
            self._found.popleft()
            if position is not None and position.covers(found):
                self._skip(found)
            else:
                self._placed.append((found, position))

    async def _open_some(self) -> None:
        finished_before = self._follower.finished_before() if self._follower is not None else None
        opened = await to_thread.run_sync(open_files, list(self._placed), self._limits, finished_before)
        for one in opened:
            found, position = self._placed.popleft()
            self._opened.append(await self._or_renamed(one, found, position))

    async def _or_renamed(self, one: Opened, found: Found, position: Position | None) -> Opened:
        """Where another file has taken a path since the last run, take up the old one first, if it can be found."""
        if self._follower is None or position is None or position.inode == found.inode:
            return one
        old = await to_thread.run_sync(open_renamed, found, position)
        if old is None:
            return one
        if isinstance(one, LineFile):
            os.close(one.descriptor)
        return old

    def _hand_out_opened(self) -> Sequence[Handout]:
        handouts: list[Handout] = []
        while self._opened and self._reader is None:
            handouts.extend(self._hand_out(self._opened.popleft()))
        return handouts

    def _hand_out(self, opened: Opened) -> Sequence[Handout]:
        found = opened.found
        match opened:
            case LineFile():
                self._begin_lines(opened)
                return ()
            case UnfinishedFile():
                return ()
            case SettledFile():
                self._skip(found)
                return ()
            case UnreadableFile():
                return self._hand_out_unreadable(opened)
            case WholeFile():
                self._done_with(found)
                piece = Tracked(found, 0, Head()).hand_out(0, found.size, 0)
                return (Handout(found.name, opened.body, opened.framing, piece, oversize=opened.oversize),)

    def _hand_out_unreadable(self, opened: UnreadableFile) -> Sequence[Handout]:
        found, reason, before = opened.found, opened.reason, opened.position
        if before is not None and before.told_of(found) == reason:
            self._skip(found)
            return ()
        self._done_with(found)
        # How far the same file had been read stays: it may be readable again.
        tracked = Tracked(found, 0, Head())
        if before is not None and before.inode == found.inode:
            tracked = Tracked(found, before.settled, before.head, before.resume)
        return (_unreadable(found, reason, tracked.hand_out_fault(reason)),)

    def _begin_lines(self, file: LineFile) -> None:
        if self._follower is not None and self._follower.keeps(file.found):
            os.close(file.descriptor)
            return
        self._reader = LineReader(file, self._limits.max_line_bytes)
        self._advance(file.offset)
        if self._follower is not None:
            self._follower.keep(self._reader)

    async def _read_on(self, reader: LineReader) -> Sequence[Handout]:
        try:
            runs = await reader.read(_CHUNK_BYTES)
        except OSError as error:
            return self._give_up(reader, reason_of(error))
        if runs is None:
            return [_lines(reader.found, run, Piece(None, run.start, run.end, run.end)) for run in reader.restart()]
        if reader.is_at_end:
            self._reader = None
            if self._follower is None or is_leaving(reader):
                runs = reader.finish()
        return [_lines(reader.found, run, reader.tracked.hand_out(run.start, run.end, run.resume)) for run in runs]

    def _give_up(self, reader: LineReader, reason: str) -> Sequence[Handout]:
        """Say that the file can be read no further, once; what of it was read stays so, and the rest is tried again."""
        self._reader = None
        if self._follower is not None:
            self._follower.give_up(reader)
        reader.close()
        is_told = reader.told == reason
        self._advance(max(reader.found.size - reader.tracked.handed_out, 0), skipped=int(is_told))
        if is_told:
            return ()
        return (_unreadable(reader.found, reason, reader.tracked.hand_out_fault(reason)),)

    def _skip(self, found: Found) -> None:
        self._advance(found.size, skipped=1)
        self._done_with(found)

    def _done_with(self, found: Found) -> None:
        if self._follower is not None:
            self._follower.done_with(found)

    def _advance(self, done: int, skipped: int = 0) -> None:
        # A file that grows while it is read makes more of it than was there at the start.
        done += self._progress.done
        self._progress = Progress(done, max(done, self._progress.total), self._progress.skipped + skipped)


def _survey(paths: Sequence[str]) -> tuple[Progress, Iterator[Found]]:
    """Return how much there is, and the files one by one."""
    walk = find(paths)
    listed = list(islice(walk, _MOST_LISTED))
    size = sum(found.size for found in listed)
    if len(listed) < _MOST_LISTED:
        return Progress(0, size), iter(listed)
    return Progress(0, size + sum(found.size for found in walk)), find(paths)


def _lines(found: Found, run: Run, piece: Piece) -> Handout:
    return Handout(found.name, run.body, Framing.LINES, piece, oversize=run.oversize)


def _unreadable(found: Found, reason: str, piece: Piece) -> Handout:
    return Handout(found.name, b"", Framing.DOCUMENT, piece, unreadable=reason)
