"""Opens and reads files; every function blocks and is called in a worker thread.  files.py hands over what they return.

A file that cannot be read is an answer, not an exception: it is rejected and parked, and the next one goes on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from daemon.errors import DecodeError
from daemon.event import Framing
from daemon.inflate import GZIP_MAGIC, inflate
from daemon.sources.file.formats import FileFormat, Handling, handling_of, named_for_lines
from daemon.sources.file.lines import KEPT_OF_OVERSIZE_BYTES
from daemon.sources.file.paths import Found, describe, reason_of
from daemon.sources.file.positions import HEAD_BYTES, Head, Position

_MAGIC_BYTES = 2
_BATCH_BYTES = 4 * 1024**2
"""Small files are read several at a thread hop, until they add up to this, unpacked."""


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """How files are read."""

    format: FileFormat
    max_document_bytes: int
    max_line_bytes: int


class WholeFile(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A file to hand over in one piece, unpacked where it was gzip."""

    found: Found
    body: bytes
    framing: Framing
    oversize: int | None = None
    """Its size where that is over the limit; the body is only its beginning then."""


class LineFile(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A file to cut into lines from `offset` on; whoever gets it closes the descriptor."""

    found: Found
    descriptor: int
    head: Head
    position_path: str
    """The path that names its position: another than the file's where it was renamed since."""
    settled: int = 0
    """Everything before this is settled: more than `offset` where the last line had no line feed."""
    offset: int = 0
    told: str = ""
    """Why it could not be read to its end before."""


class SettledFile(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A file whose lines are all settled, though it was touched since."""

    found: Found


class UnfinishedFile(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A file to be handed over whole that is still being written, as it seems."""

    found: Found


class UnreadableFile(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A file that cannot be read."""

    found: Found
    reason: str
    position: Position | None
    """What was known of it before."""


Opened = WholeFile | LineFile | SettledFile | UnfinishedFile | UnreadableFile


def open_files(
    files: Sequence[tuple[Found, Position | None]], limits: ReadingLimits, finished_before: float | None
) -> list[Opened]:
    """Open files in order until there is enough in hand, or one to be cut into lines.

    `finished_before`: files touched after it (seconds since the epoch) that would be handed over whole are unfinished.
    """
    opened: list[Opened] = []
    size = 0
    for found, position in files:
        one = _open_file(found, position, limits, finished_before)
        opened.append(one)
        if isinstance(one, WholeFile):
            size += len(one.body)
        if isinstance(one, LineFile) or size >= _BATCH_BYTES:
            break
    return opened


def read_block(descriptor: int, offset: int, most: int, head: Head) -> tuple[bytes, Head] | None:
    """Return up to `most` bytes from `offset` on, none at the end, and the file's head, which grows with it.

    None when the file was overwritten in place: it is shorter than it was, or opens otherwise.  Raises OSError.
    """
    opening = os.pread(descriptor, HEAD_BYTES, 0)
    if head.length > 0 and Head.of(opening[: head.length]) != head:
        return None
    block = os.pread(descriptor, most, offset)  # in one go: what lies before a bad block is no less readable for it
    if not block and os.fstat(descriptor).st_size < offset:
        return None
    return block, head if head.length == len(opening) else Head.of(opening)


def open_renamed(found: Found, position: Position) -> LineFile | None:
    """Return the file that was at this path when the position was written, if it lies beside it with more to read."""
    try:
        with os.scandir(Path(found.path).parent) as entries:
            paths = [entry.path for entry in entries if entry.inode() == position.inode and entry.path != found.path]
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            renamed = describe(path, os.fstat(descriptor))
            if _is_same_file(descriptor, position) and renamed.size > position.settled:
                return _from_position(renamed, descriptor, position.head, found.path, position)
            os.close(descriptor)
    except OSError:
        # What cannot be found again is gone; the file that is there now is read all the same.
        return None
    return None


def reopen(found: Found) -> int | None:
    """Return a descriptor of the file if it still is there and the same.  Raises OSError."""
    try:
        descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    if describe(found.path, os.fstat(descriptor)).file_id == found.file_id:
        return descriptor
    os.close(descriptor)
    return None


def _open_file(found: Found, position: Position | None, limits: ReadingLimits, finished_before: float | None) -> Opened:
    if found.unreadable is not None:
        return UnreadableFile(found, found.unreadable, position)
    try:
        descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return UnreadableFile(found, reason_of(error), position)
    opened: Opened | None = None
    try:
        opened = _look_into(descriptor, found.path, position, limits, finished_before)
    except OSError as error:
        opened = UnreadableFile(found, reason_of(error), position)
    finally:
        if not isinstance(opened, LineFile):
            os.close(descriptor)
    return opened


def _look_into(
    descriptor: int, path: str, position: Position | None, limits: ReadingLimits, finished_before: float | None
) -> Opened:
    found = describe(path, os.fstat(descriptor))
    wanted = _MAGIC_BYTES if named_for_lines(path, limits.format) else limits.max_line_bytes
    opening = _read(descriptor, min(wanted, found.size), 0)
    handling = handling_of(path, limits.format, opening, is_cut_off=found.size > len(opening))
    if handling is Handling.CUT:
        return _line_file(descriptor, found, position)
    if finished_before is not None and (found.size == 0 or found.mtime_ns > finished_before * 1e9):
        return UnfinishedFile(found)
    if found.size > limits.max_document_bytes:
        kept = _read(descriptor, KEPT_OF_OVERSIZE_BYTES, 0)
        return WholeFile(found, kept, handling.framing, oversize=found.size)
    if len(opening) < found.size:
        opening += _read(descriptor, found.size - len(opening), len(opening))
    return WholeFile(found, _unpacked(opening, limits.max_document_bytes), handling.framing)


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    """Unpack gzip while we are in a thread of our own; what cannot be unpacked goes as it is, for decode to reject."""
    if not body.startswith(GZIP_MAGIC):
        return body
    try:
        return inflate(body, max_bytes)
    except DecodeError:
        return body


def _line_file(descriptor: int, found: Found, position: Position | None) -> LineFile | SettledFile:
    head = Head.of(os.pread(descriptor, HEAD_BYTES, 0))
    if position is None or not _is_same_file(descriptor, position) or found.size < position.settled:
        told = position.told_of(found) if position is not None else ""
        return LineFile(found, descriptor, head, found.path, told=told)
    if found.size == position.settled:
        return SettledFile(found)
    return _from_position(found, descriptor, head, found.path, position)


def _from_position(found: Found, descriptor: int, head: Head, position_path: str, position: Position) -> LineFile:
    told = position.told_of(found)
    return LineFile(found, descriptor, head, position_path, position.settled, position.resume, told)


def _is_same_file(descriptor: int, position: Position) -> bool:
    length = position.head.length
    return length > 0 and Head.of(os.pread(descriptor, length, 0)) == position.head


def _read(descriptor: int, size: int, offset: int) -> bytes:
    """Read until there is as much as asked for, or the end."""
    block = os.pread(descriptor, size, offset)
    while block and len(block) < size:
        more = os.pread(descriptor, size - len(block), offset + len(block))
        if not more:
            break
        block += more
    return block
