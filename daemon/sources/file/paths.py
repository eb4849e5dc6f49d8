"""Finds the files that a file source's `paths` name; blocks, so files.py and follow.py call it in worker threads."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path

import msgspec

EVENT_SUFFIXES = (".json", ".jsonl", ".ndjson", ".log", ".gz")
_GLOB_CHARACTERS = frozenset("*?[")


class Found(msgspec.Struct, frozen=True, gc=False):
    """A file as it lay there when it was looked at."""

    path: str
    device: int = 0
    inode: int = 0
    size: int = 0
    mtime_ns: int = 0
    unreadable: str | None = None
    """Why it cannot be read, in the system's words; the numbers are 0 then, but for the inode where there is one."""
    is_missing: bool = False
    """There is nothing at the path; a link that leads nowhere is something."""

    @property
    def file_id(self) -> tuple[int, int]:
        """Names the file itself, whatever its path; only as long as it exists and on this host."""
        return self.device, self.inode

    @property
    def name(self) -> str:
        """The path as text that every log and store can hold, even where the file system's bytes are no UTF-8."""
        return os.fsencode(self.path).decode("utf-8", "replace")


def find(paths: Sequence[str]) -> Iterator[Found]:
    """Yield the regular files: of a folder those below it, sorted; of a pattern (* ? [] **) what it matches, sorted.

    Inside folders, names that start with a dot, that have none of EVENT_SUFFIXES, and links to other folders are left
    out: an archive may hold a licence or an index.  A pattern reaches every name.
    A path that is not there is yielded as unreadable; a pattern that matches nothing yields nothing.
    """
    for path in paths:
        full = absolute(path)
        if _GLOB_CHARACTERS.isdisjoint(path) or Path(full).exists():
            yield from _at(full)
        else:
            for match in sorted(glob.iglob(full, recursive=True)):  # noqa: PTH207 - takes no absolute pattern
                yield from _at(match)


def absolute(path: str) -> str:
    """Return the path as files found at it are named."""
    return str(Path(path).absolute())


def leads_nowhere(path: str) -> bool:
    """True for a path, no pattern, at which there is nothing."""
    return _GLOB_CHARACTERS.isdisjoint(path) and not Path(path).exists()


def describe(path: str, status: os.stat_result) -> Found:
    """Return the file as its status has it."""
    if not stat.S_ISREG(status.st_mode):
        return Found(path, inode=status.st_ino, unreadable="Not a regular file")
    return Found(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def reason_of(error: OSError) -> str:
    """Return the system's words without the path."""
    return error.strerror or type(error).__name__


def _at(path: str) -> Iterator[Found]:
    try:
        status = Path(path).stat()
    except OSError as error:
        yield _lost(path, error)
        return
    if stat.S_ISDIR(status.st_mode):
        yield from _below(path)
    else:
        yield describe(path, status)


def _below(folder: str) -> Iterator[Found]:
    """Walk a tree; not by recursion, for which it may be too deep."""
    to_do: list[str | os.DirEntry[str]] = [folder]
    while to_do:
        entry = to_do.pop()
        try:
            if isinstance(entry, str):
                with os.scandir(entry) as entries:
                    to_do += sorted(entries, key=attrgetter("name"), reverse=True)
            elif entry.name.startswith("."):
                continue
            elif entry.is_dir(follow_symlinks=False):
                to_do.append(entry.path)
            elif entry.name.endswith(EVENT_SUFFIXES) and not stat.S_ISDIR((status := entry.stat()).st_mode):
                yield describe(entry.path, status)
        except OSError as error:
            yield _lost(os.fspath(entry), error)


def _lost(path: str, error: OSError) -> Found:
    try:
        inode = Path(path).lstat().st_ino
    except OSError:
        return Found(path, unreadable=reason_of(error), is_missing=isinstance(error, FileNotFoundError))
    return Found(path, inode=inode, unreadable=reason_of(error))
