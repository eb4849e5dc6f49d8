"""One file that is read line by line: its descriptor, what is cut off it, and how far that is settled.

files.py reads it to the end, follow.py keeps it for what is written to it later.
"""

from __future__ import annotations

import os

import msgspec
from anyio import to_thread

from daemon.sources.file.lines import LineCutter, Run
from daemon.sources.file.paths import Found
from daemon.sources.file.positions import Head, Tracked
from daemon.sources.file.reading import LineFile, read_block, reopen


class LineReader:
    """Reads on from where it is; used by one caller at a time."""

    def __init__(self, file: LineFile, max_line_bytes: int) -> None:
        self.found = file.found
        """The file as last looked at, at the path where it lies now."""
        named = msgspec.structs.replace(file.found, path=file.position_path)
        self.tracked = Tracked(named, file.settled, file.head, file.offset)
        self.told = file.told
        """Why it could not be read to its end before, which is no news."""
        self.is_at_end = False
        """The last read found nothing more."""
        self.looks_since_gone = 0
        """How often its path was looked at since the file is there no more: its last lines may still be written."""
        self._max_line_bytes = max_line_bytes
        self._cutter = LineCutter(file.offset, max_line_bytes)
        self._descriptor: int | None = file.descriptor

    @property
    def is_closed(self) -> bool:
        """True when there is no descriptor; reading opens the path again, if the file still is there."""
        return self._descriptor is None

    async def read(self, most: int) -> list[Run] | None:
        """Return the runs of lines that the next block completes; None when the file was overwritten in place.

        Raises OSError.
        """
        if self._descriptor is None:
            self._descriptor = await to_thread.run_sync(reopen, self.found)
        if self._descriptor is None:
            self.is_at_end = True
            return []
        answer = await to_thread.run_sync(read_block, self._descriptor, self._cutter.read_to, most, self.tracked.head)
        if answer is None:
            return None
        block, self.tracked.head = answer
        self.is_at_end = not block
        return self._cutter.feed(block) if block else []

    def finish(self) -> list[Run]:
        """Return the last line, if it has no line feed, and close."""
        self.close()
        return self._cutter.finish()

    def restart(self) -> list[Run]:
        """Begin at the start of a file that was overwritten; return what was left of the old content."""
        left = self._cutter.finish()
        self.tracked.is_obsolete = True
        self.tracked = Tracked(self.tracked.found, 0, Head())
        self._cutter = LineCutter(0, self._max_line_bytes)
        return left

    def move(self, found: Found) -> None:
        """Take the position along to the file's new path."""
        self.tracked.found = found

    def close(self) -> None:
        """Close the descriptor."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
