"""What file.py expects of the two things it reads, files (files.py) and standard input (stdin.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from daemon.event import Framing
from daemon.sources.base import Progress
from daemon.sources.file.positions import Piece


class Handout(msgspec.Struct, frozen=True, eq=False):
    """What becomes one delivery."""

    name: str
    """The file's."""
    body: bytes
    framing: Framing
    piece: Piece
    oversize: int | None = None
    """The full size in bytes of a line or document over the limit, of which the body is the beginning."""
    unreadable: str | None = None
    """Why the file cannot be read; the body is empty then."""


class Intake(Protocol):
    """Hands out pieces; used by one caller at a time, but for `settle`."""

    async def open(self) -> None:
        """Begin."""

    async def next(self) -> Sequence[Handout]:
        """Return what comes next; nothing after a while without anything new.

        Raises EndOfSource at the end, RetryableError when the call may be repeated.
        """

    def settle(self, piece: Piece) -> None:
        """Note that what was handed out is settled."""

    def progress(self) -> Progress | None:
        """See base.Source."""

    def close(self) -> None:
        """Close all descriptors."""
