"""Dead letters as lines of a file, which running daemons append to while a person reads and removes."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Literal

from anyio import to_thread

from daemon.dispatch.dead_letters.letter import DeadLetter, letter_text, read_letter
from daemon.dispatch.dead_letters.place import REMOVED_AT_ONCE, Kept, PlaceContext
from daemon.grants import Grant, Place
from daemon.sinks.appender import FileAppender, file_errors
from daemon.yaml_file import Strict

_READ_BYTES = 1024**2
"""Read at a time: a thread's round trip for each line would cost more than the line."""


class FileDeadLetterConfig(Strict):
    """Dead letters as lines of a file."""

    type: Literal["file"] = "file"
    path: Path = Path("var/dead-letters.ndjson")
    """One JSON object a line; the folder is made when missing."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """Return what it needs from IAM: nothing, unless it calls AWS."""
        del place
        return ()


class FileDeadLetters:
    """Letters in a file; a handle is the digest of a line, because lines move when others are removed."""

    def __init__(self, _name: str, config: FileDeadLetterConfig, _context: PlaceContext | None = None) -> None:
        self._path = config.path
        self._appender = FileAppender(config.path)

    async def park(self, letter: DeadLetter) -> None:
        """See DeadLetterPlace."""
        await self._appender.append(letter_text(letter).encode())

    async def letters(self) -> AsyncIterator[Kept]:
        """See DeadLetterPlace: those of the file as it is now, even while another one takes its place."""
        with file_errors():
            file = await to_thread.run_sync(self._open)
        if file is None:
            return
        try:
            while lines := await to_thread.run_sync(lambda: file.readlines(_READ_BYTES)):
                for line in lines:
                    if line.strip():
                        yield Kept(read_letter(line), _digest(line))
        finally:
            file.close()

    async def count(self) -> int:
        """See DeadLetterPlace: the lines."""

        def count_lines() -> int:
            file = self._open()
            if file is None:
                return 0
            with file:
                return sum(1 for line in file if line.strip())

        with file_errors():
            return await to_thread.run_sync(count_lines)

    async def batch(self) -> int:
        """See DeadLetterPlace: each removal writes the file anew, so a large one is emptied in twenty."""
        return max(REMOVED_AT_ONCE, await self.count() // 20)

    async def check(self) -> str:
        """See DeadLetterPlace; makes the file where it is missing."""
        return await self._appender.open()

    async def remove(self, handles: Sequence[object]) -> int:
        """See DeadLetterPlace: the file is written anew without the lines, and takes the old one's place at once."""
        with file_errors():
            return await to_thread.run_sync(self._rewrite, Counter(handles))

    async def close(self) -> None:
        """See DeadLetterPlace."""
        await self._appender.close()

    def _open(self) -> BinaryIO | None:
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            return None

    def _rewrite(self, unwanted: Counter[object]) -> int:
        with _locked(self._path) as old:
            if old is None:
                return 0
            removed = 0
            new = self._path.with_name(f".{self._path.name}.{os.getpid()}.new")
            try:
                with new.open("wb") as file:
                    before = os.fstat(old.fileno())
                    # The daemon must be able to go on, whoever removes: often that is root.
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                    os.fchmod(file.fileno(), before.st_mode & 0o777)
                    for line in old:
                        digest = _digest(line)
                        if unwanted[digest] > 0:
                            unwanted[digest] -= 1
                            removed += 1
                        else:
                            file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self._path)
            finally:
                new.unlink(missing_ok=True)
            return removed


def spare_file(place: str, path: Path | None) -> FileDeadLetters:
    """Return the file beside a place whose messages or items may be too small for a letter."""
    return FileDeadLetters(place, FileDeadLetterConfig(path=path or Path(f"var/dead-letters-{place}.ndjson")))


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO | None]:
    """Open the file that has the name now, under the lock that appenders and other removers heed; None without one."""
    while True:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            yield None
            return
        with file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            if not _has_name(file, path):
                continue
            yield file
            return


def _has_name(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _digest(line: bytes) -> bytes:
    return blake2b(line.rstrip(b"\n"), digest_size=16).digest()
