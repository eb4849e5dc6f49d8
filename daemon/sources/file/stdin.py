"""Reads standard input for a file source whose path is "-": lines as they come, or one document up to the end.

It has no position: what was read and not settled when the daemon dies is gone, as in any pipe.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

import anyio
from anyio import to_thread

from daemon.event import Framing
from daemon.sources.base import EndOfSource, Progress
from daemon.sources.file.formats import GZIP_MAGIC, FileFormat, Handling
from daemon.sources.file.intake import Handout
from daemon.sources.file.lines import KEPT_OF_OVERSIZE_BYTES, LineCutter, Run
from daemon.sources.file.paths import reason_of
from daemon.sources.file.positions import Piece
from daemon.sources.file.reading import ReadingLimits

STANDARD_INPUT = "-"
_DESCRIPTOR = 0
_BLOCK_BYTES = 262_144


class StandardInput:
    """See intake.Intake."""

    def __init__(self, limits: ReadingLimits) -> None:
        self._limits = limits
        self._cutter = LineCutter(0, limits.max_line_bytes)
        self._handling: Handling | None = None
        self._can_wait = False
        self._is_over = False

    async def open(self) -> None:
        """See Intake."""
        mode = (await to_thread.run_sync(os.fstat, _DESCRIPTOR)).st_mode
        self._can_wait = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(_DESCRIPTOR)

    async def next(self) -> Sequence[Handout]:
        """See Intake."""
        if self._is_over:
            raise EndOfSource
        try:
            return await self._next()
        except OSError as error:
            self._is_over = True
            runs = [_handout(run) for run in self._cutter.finish()]
            at = self._cutter.read_to
            return [
                *runs,
                Handout(STANDARD_INPUT, b"", Framing.DOCUMENT, Piece(None, at, at, at), unreadable=reason_of(error)),
            ]

    async def _next(self) -> Sequence[Handout]:
        block = await self._read()
        if self._handling is None:
            self._handling = self._handling_of(block)
        if self._handling is not Handling.CUT:
            return (await self._read_whole(block, self._handling.framing),)
        self._is_over = not block
        runs = self._cutter.feed(block) if block else self._cutter.finish()
        return [_handout(run) for run in runs]

    def settle(self, piece: Piece) -> None:
        """See Intake: there is nothing to remember."""

    def progress(self) -> Progress | None:
        """See Intake: nobody knows how much is to come."""
        return None

    def close(self) -> None:
        """See Intake: standard input is not ours to close."""

    def _handling_of(self, block: bytes) -> Handling:
        """Lines, unless said otherwise or gzip: a document is not told from lines before all of it is there."""
        declared = self._limits.format
        if block.startswith(GZIP_MAGIC):
            return Handling.WHOLE_LINES if declared is FileFormat.LINES else Handling.WHOLE_DOCUMENT
        return Handling.WHOLE_DOCUMENT if declared is FileFormat.DOCUMENT else Handling.CUT

    async def _read(self) -> bytes:
        """Wait in the event loop, where a stop can interrupt it; a thread in a blocking read would hold up the end."""
        if self._can_wait:
            await anyio.wait_readable(_DESCRIPTOR)
        return await to_thread.run_sync(os.read, _DESCRIPTOR, _BLOCK_BYTES)

    async def _read_whole(self, block: bytes, framing: Framing) -> Handout:
        body = bytearray()
        size = 0
        while block:
            size += len(block)
            if size <= self._limits.max_document_bytes:
                body += block
            else:
                del body[KEPT_OF_OVERSIZE_BYTES:]
            block = await self._read()
        self._is_over = True
        oversize = size if size > self._limits.max_document_bytes else None
        return Handout(STANDARD_INPUT, bytes(body), framing, Piece(None, 0, size, size), oversize=oversize)


def _handout(run: Run) -> Handout:
    piece = Piece(None, run.start, run.end, run.resume)
    return Handout(STANDARD_INPUT, run.body, Framing.LINES, piece, oversize=run.oversize)
