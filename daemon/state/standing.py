"""Whether an open database still is the one at its path; sqlite.py asks before each of its calls.

A file that was removed or replaced stays writable for whoever has it open, and nobody else sees it any more: claims,
holds and journal would go on in two places.  SQLite itself does not look (sqlite.org/howtocorrupt.html, section 2.4).
Opening what took its place would lose the claims that we hold, so the store is away until a person restarts the
daemon, or puts the same file back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from daemon.errors import StateError

_LOG_SUFFIX = "-wal"

FileId = tuple[int, int]
"""Device and inode."""


class Standing:
    """The files of one database as they were when it was opened."""

    def __init__(self, path: Path) -> None:
        """Begin when the database has been written to: its log is there from then on until the last one closes it."""
        files = (path, path.with_name(path.name + _LOG_SUFFIX))
        self._files: Mapping[Path, FileId] = {file: found for file in files if (found := _identify(file)) is not None}

    def check(self) -> None:
        """Raise StateError where one of the files is gone or another one; blocks."""
        for file, opened in self._files.items():
            found = _identify(file)
            if found is None:
                raise StateError(f"sqlite: {file} was removed while it is in use: put it back, or restart vigild")
            if found != opened:
                raise StateError(f"sqlite: another file stands at {file} than the one in use: restart vigild")


def _identify(path: Path) -> FileId | None:
    """Return None for a file that is not there.  Raises StateError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"sqlite: cannot look at {path}: {error.strerror}") from error
    return status.st_dev, status.st_ino
