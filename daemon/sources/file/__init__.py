"""Reads files: a folder of CloudTrail archives once, or logs for as long as they are written.  The pipeline calls it
through base.Source.

The reading is done by files.py (paths, positions, rotation) or stdin.py; here pieces become deliveries, released ones
come again, and the source ends when the last one is settled.

What cannot be handed over is handed over as a delivery that says so, for decode to reject: attribute `unreadable` with
the reason and an empty body, or `oversize` with the full size in bytes and a body that is only the first 64 KiB.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal, Self, cast

import anyio
import msgspec
from anyio import to_thread
from pydantic import Field, model_validator

from daemon.errors import FailureKind, PermanentError
from daemon.event import Delivery
from daemon.sources.base import EndOfSource, Progress, SourceConfig, SourceContext
from daemon.sources.file.files import Files
from daemon.sources.file.follow import Follower
from daemon.sources.file.formats import FileFormat
from daemon.sources.file.intake import Handout, Intake
from daemon.sources.file.paths import absolute, find
from daemon.sources.file.positions import Piece, Positions
from daemon.sources.file.reading import ReadingLimits
from daemon.sources.file.stdin import STANDARD_INPUT, StandardInput
from daemon.telemetry.names import Settlement

_PAUSE_SECONDS = 0.25
"""How long a receive waits for what is in hand; then it answers that there is nothing, which is no end."""


class FileConfig(SourceConfig):
    """Files, folders, patterns, or standard input; read once, or followed as they grow."""

    type: Literal["file"] = "file"
    paths: tuple[str, ...] = Field(min_length=1)
    """Files, patterns (* ? [] **), folders (all below that ends in .json, .jsonl, .ndjson, .log or .gz, sorted), or
    only "-": standard input."""
    follow: bool = False
    """Go on after the end: lines that are added, files that come, logs that are rotated.  Else the source ends."""
    format: FileFormat = FileFormat.AUTO
    """lines: one JSON document a line.  document: a file is one.  auto: by name (.ndjson, .jsonl, .log are lines;
    .json, .gz documents), then by content; standard input is lines.  Gzip is unpacked whatever the format."""
    poll_seconds: float = Field(default=1.0, ge=0.05, le=3600)
    """With follow: how often to look.  A document is read when it was not touched for so long."""
    max_document_bytes: int = Field(default=64 * 1024**2, ge=1024, le=1024**3)
    """A larger document is rejected without being read, as it lies on disk: packed, if it is gzip."""
    max_line_bytes: int = Field(default=1024**2 + 65_536, ge=1024, le=64 * 1024**2)
    """A longer line is rejected without being held in memory.  The default lets the limit for events decide."""

    @model_validator(mode="after")
    def _standard_input_alone(self) -> Self:
        if STANDARD_INPUT in self.paths and (len(self.paths) > 1 or self.follow):
            raise ValueError('"-" goes with no other path and not with follow')
        return self


class FileSource:
    """See base.Source."""

    def __init__(self, name: str, config: FileConfig, context: SourceContext) -> None:
        self.name = name
        self.receivers = config.receivers
        self.redelivers = False
        self._config = config
        self._clock = context.clock
        self._positions = Positions(name, context)
        self._intake = self._make_intake()
        self._turn = anyio.Lock()
        self._again: deque[Delivery] = deque()
        self._in_hand = 0
        self._is_read = False
        self._quiet = False
        self._settled = anyio.Event()

    async def open(self) -> None:
        """See base.Source: adds up how much there is, if the source has an end."""
        await self._intake.open()

    async def run(self) -> None:
        """See base.Source: saves positions."""
        await self._positions.keep_writing()

    async def receive(self) -> Sequence[Delivery]:
        """See base.Source: one file, some small ones, or some 256 KiB of lines."""
        if self._quiet:
            raise EndOfSource
        async with self._turn:
            deliveries = self._released() or await self._next()
        self._in_hand += len(deliveries)
        return deliveries

    async def settle(self, deliveries: Sequence[Delivery], settlement: Settlement) -> None:
        """See base.Source."""
        self._in_hand -= len(deliveries)
        self._settled.set()
        self._settled = anyio.Event()
        if settlement is Settlement.RELEASED:
            self._again.extend(deliveries)
            return
        for delivery in deliveries:
            self._intake.settle(cast("Piece", delivery.receipt))

    def quiesce(self) -> None:
        """See base.Source."""
        self._quiet = True
        self._settled.set()

    async def flush(self) -> None:
        """See base.Source: saves positions."""
        await self._positions.flush()

    async def check(self) -> str:
        """See base.Source: looks at the files without reading them."""
        if self._config.paths == (STANDARD_INPUT,):
            return "standard input"
        all_found = await to_thread.run_sync(lambda: list(find(self._config.paths)))
        named = set(map(absolute, self._config.paths))
        unreadable = [found for found in all_found if found.unreadable is not None]
        for found in unreadable:
            if found.path in named:
                raise PermanentError(FailureKind.NOT_FOUND, f"{found.name}: {found.unreadable}")
        # Inside folders they are rejected and parked, and the others read all the same.
        parked = f"; {len(unreadable)} unreadable: {unreadable[0].name}, …" if unreadable else ""
        return f"{len(all_found) - len(unreadable)} files, {sum(found.size for found in all_found)} bytes{parked}"

    def progress(self) -> Progress | None:
        """See base.Source: bytes settled or skipped, of those there were at the start."""
        return self._intake.progress()

    async def close(self) -> None:
        """See base.Source."""
        self._intake.close()

    def _released(self) -> list[Delivery]:
        again = [msgspec.structs.replace(delivery, attempt=delivery.attempt + 1) for delivery in self._again]
        self._again.clear()
        return again

    async def _next(self) -> list[Delivery]:
        """Once all is read, wait for the rest to be settled: any of it may be released yet."""
        if not self._is_read:
            try:
                return [self._delivery(handout) for handout in await self._intake.next()]
            except EndOfSource:
                self._is_read = True
        if self._in_hand == 0:
            raise EndOfSource
        with anyio.move_on_after(_PAUSE_SECONDS):
            await self._settled.wait()
        return []

    def _delivery(self, handout: Handout) -> Delivery:
        attributes = {}
        if handout.oversize is not None:
            attributes["oversize"] = str(handout.oversize)
        if handout.unreadable is not None:
            attributes["unreadable"] = handout.unreadable
        return Delivery(
            source=self.name,
            identity=f"file:{handout.name}:{handout.piece.start}",
            body=handout.body,
            receipt=handout.piece,
            received_at=self._clock.now(),
            framing=handout.framing,
            attributes=attributes,
        )

    def _make_intake(self) -> Intake:
        config = self._config
        limits = ReadingLimits(config.format, config.max_document_bytes, config.max_line_bytes)
        if config.paths == (STANDARD_INPUT,):
            return StandardInput(limits)
        follower = Follower(config.paths, config.poll_seconds, self._clock, self._positions) if config.follow else None
        return Files(config.paths, limits, self._positions, follower)
