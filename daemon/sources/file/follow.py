"""Looks again and again at the paths of a file source with `follow`, and says what has grown, come or gone.

files.py reads what it says.  A file that was renamed (rotated) is read to its end under its open descriptor, and all
of it settled, before the one that took its path is begun: until then the position under that path is the old one's.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from anyio import to_thread

from daemon.clock import Clock
from daemon.sources.file.line_reader import LineReader
from daemon.sources.file.paths import Found, find
from daemon.sources.file.positions import Positions

_LAST_LOOKS = 2
"""A writer may go on writing to a renamed file until it opens the new one."""
_MOST_OPEN = 256
"""Descriptors kept; of more files, those that grew longest ago are closed and opened again when they grow."""


class Follower:
    """What is known of the files under the paths."""

    def __init__(self, paths: Sequence[str], poll_seconds: float, clock: Clock, positions: Positions) -> None:
        self.poll_seconds = poll_seconds
        self._paths = paths
        self._clock = clock
        self._positions = positions
        self._readers: list[LineReader] = []
        self._done: dict[str, Found] = {}
        self._has_looked = False

    def finished_before(self) -> float:
        """Return the time since which a file must not have been touched to be handed over whole."""
        return self._clock.now() - self.poll_seconds

    def keep(self, reader: LineReader) -> None:
        """Watch a file that was opened to be read in lines."""
        self._readers.append(reader)

    def keeps(self, found: Found) -> bool:
        """True when the file is one of those watched."""
        return any(reader.found.file_id == found.file_id for reader in self._readers)

    def done_with(self, found: Found) -> None:
        """Leave a file alone until it is touched again."""
        self._done[found.path] = found

    def give_up(self, reader: LineReader) -> None:
        """Stop watching a file that cannot be read, until it is touched again."""
        reader.close()
        self._readers.remove(reader)
        self.done_with(reader.found)

    async def look(self) -> tuple[list[LineReader], list[Found]]:
        """Return the watched files with something to read and the other changed files; after the first time, wait."""
        await self._clock.sleep(self.poll_seconds if self._has_looked else 0.0)
        self._has_looked = True
        there = await to_thread.run_sync(_look, self._paths)
        self._done = {path: found for path, found in self._done.items() if path in there}
        self._readers = [reader for reader in self._readers if not _is_over(reader)]
        by_id = {found.file_id: found for found in there.values() if found.unreadable is None}
        changed = [reader for reader in self._readers if self._has_changed(reader, by_id.get(reader.found.file_id))]
        unchanged = set(self._readers).difference(changed)
        self._readers = [reader for reader in self._readers if reader in unchanged] + changed
        for reader in self._readers[:-_MOST_OPEN]:
            reader.close()
        taken_paths = {reader.tracked.found.path for reader in self._readers}
        taken_ids = {reader.found.file_id for reader in self._readers}
        new = [
            found
            for path, found in there.items()
            if path not in taken_paths and found.file_id not in taken_ids and found != self._done.get(path)
        ]
        return changed, new

    def close(self) -> None:
        """Close all descriptors."""
        for reader in self._readers:
            reader.close()

    def _has_changed(self, reader: LineReader, found: Found | None) -> bool:
        if found is None:
            reader.looks_since_gone += 1
            return True
        reader.looks_since_gone = 0
        if found.path != reader.tracked.found.path and self._is_free(found.path):
            reader.move(found)
            self._positions.note(reader.tracked)
        has_changed = msgspec.structs.replace(found, path="") != msgspec.structs.replace(reader.found, path="")
        reader.found = found
        return has_changed

    def _is_free(self, path: str) -> bool:
        return all(reader.tracked.found.path != path for reader in self._readers)


def is_leaving(reader: LineReader) -> bool:
    """True when the file is gone from its path for good, so that its end is its end."""
    return reader.looks_since_gone >= _LAST_LOOKS


def _is_over(reader: LineReader) -> bool:
    return is_leaving(reader) and reader.is_closed and reader.tracked.is_settled


def _look(paths: Sequence[str]) -> dict[str, Found]:
    return {found.path: found for found in find(paths) if not found.is_missing}
