"""Appends lines to a file that other processes append to as well, and returns once they are on the disk.

sinks/file.py and the dead letters of dispatch/ write through it.  Lines that are waiting at the same time share one
write and one fsync.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anyio import CancelScope, CapacityLimiter, Lock, get_cancelled_exc_class, to_thread

from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError

_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700

_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NEVER = frozenset({errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR})
"""The path leads through, or to, something that is no directory or no regular file."""


@dataclass(slots=True)
class _Batch:
    """Lines that go to the disk together, and how that went."""

    lines: list[bytes] = field(default_factory=list)
    error: OSError | None = field(default_factory=lambda: OSError(errno.EIO, "the write did not finish"))


class FileAppender:
    """Used by one event loop; creates file (mode 0600) and directory, follows when the file is renamed or removed.

    A write goes out in one piece, under a lock that the other processes heed, so that lines do not mix.  Should one be
    cut short all the same - disk full, process killed, machine down - the next write ends the torn line first, whoever
    makes it.  A line whose append() raised may be there in part, or as a whole where only the flush failed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._gathering = _Batch()
        self._turn = Lock()
        self._thread = CapacityLimiter(1)

    async def open(self) -> str:
        """Open the file and say what is there; raises EffectError."""
        async with self._turn:
            with file_errors():
                return await to_thread.run_sync(self._describe, limiter=self._thread)

    async def append(self, line: bytes) -> None:
        """Write one line, given without line end; returns when it is flushed to the disk.

        A write that has begun is finished even when the caller is cancelled: a file cannot be asked to stop.
        Raises RetryableError for a full or failing disk, PermanentError for a path that cannot be written to, and
        ValueError for a text of several lines.
        """
        if b"\n" in line:
            raise ValueError("a line end inside a line")
        batch = self._gathering
        batch.lines.append(line)
        try:
            await self._turn.acquire()
        except get_cancelled_exc_class():
            if batch is self._gathering:
                batch.lines.remove(line)
            raise
        try:
            if batch is self._gathering:
                self._gathering = _Batch()
                await self._flush(batch)
        finally:
            self._turn.release()
        if batch.error is not None:
            raise _translated(batch.error) from batch.error

    async def close(self) -> None:
        """Close the file; lines handed over before are on the disk already."""
        async with self._turn:
            await to_thread.run_sync(self._release, limiter=self._thread)

    async def _flush(self, batch: _Batch) -> None:
        data = b"\n".join((*batch.lines, b""))
        with CancelScope(shield=True):
            try:
                await to_thread.run_sync(self._write, data, limiter=self._thread)
                batch.error = None
            except OSError as error:
                batch.error = error

    def _write(self, data: bytes) -> None:
        try:
            descriptor = self._locked()
            try:
                _write_whole(descriptor, data)
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.fsync(descriptor)
        except OSError:
            # After a failed fsync the kernel may call pages clean that never reached the disk: start afresh.
            self._release()
            raise

    def _locked(self) -> int:
        """Return the descriptor under the lock; whoever held it may have put another file in this one's place."""
        while True:
            descriptor = self._current()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if self._is_current(descriptor):
                return descriptor

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _current(self) -> int:
        """Return the descriptor of whatever file has the name now."""
        if self._fd is not None:
            if self._is_current(self._fd):
                return self._fd
            self._release()
        self._path.parent.mkdir(_DIRECTORY_MODE, parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _FILE_MODE)
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        _flush_directory(self._path.parent)
        return self._fd

    def _describe(self) -> str:
        size = os.fstat(self._current()).st_size
        free = os.statvfs(self._path)
        return f"{self._path}: {size} bytes, {free.f_bavail * free.f_frsize} bytes free on the disk"

    def _release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _write_whole(descriptor: int, data: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size > 0 and os.pread(descriptor, 1, size - 1) != b"\n":
        data = b"\n" + data
    if os.write(descriptor, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _flush_directory(path: Path) -> None:
    """Flush the name of a new file to the disk: without its name its content cannot be found after a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def file_errors() -> Iterator[None]:
    """Raise RetryableError or PermanentError for whatever the file system raises inside the block."""
    try:
        yield
    except OSError as error:
        raise _translated(error) from error


def _translated(error: OSError) -> EffectError:
    detail = error.strerror or type(error).__name__
    if error.errno in _DENIED:
        return PermanentError(FailureKind.ACCESS_DENIED, detail)
    if error.errno in _NEVER:
        return PermanentError(FailureKind.REFUSED, detail)
    return RetryableError(FailureKind.UNREACHABLE, detail)
