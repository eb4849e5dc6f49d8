"""Cuts bytes that come block by block into runs of whole lines, with their offsets; pure.

files.py feeds it from files, stdin.py from standard input.  Holds at most one unfinished line, and of a line over the
limit only its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

KEPT_OF_OVERSIZE_BYTES = 65_536
"""How much of a line or document over the limit is handed over, for the dead letter."""


@dataclass(frozen=True, slots=True)
class Run:
    """Whole lines, each with its line feed; the last one of a file may lack it."""

    start: int
    end: int
    body: bytes
    oversize: int | None = None
    """The length of a line over the limit: the run is that line alone, and the body its beginning."""
    is_complete: bool = True
    """False for a last line without line feed."""

    @property
    def resume(self) -> int:
        """Where to read on should the file grow: behind the run, or the line that was not complete once more."""
        return self.end if self.is_complete else self.start


class LineCutter:
    """Cuts one file, from an offset on at which a line begins."""

    def __init__(self, offset: int, max_line_bytes: int) -> None:
        self.read_to = offset
        """Where the next block must come from."""
        self._max_line_bytes = max_line_bytes
        self._start = offset
        self._held = b""
        self._is_oversize = False

    def feed(self, block: bytes) -> list[Run]:
        """Return what the block completes: no run, one run of lines, or one for a line over the limit and one more.

        A line that is over the limit by less than a block may come inside a run; decode refuses it there.
        """
        runs = []
        if self._is_oversize:
            cut = block.find(b"\n") + 1
            self.read_to += cut or len(block)
            if not cut:
                return []
            runs.append(self._rest(is_complete=True))
            block = block[cut:]
        cut = block.rfind(b"\n") + 1
        self.read_to += len(block)
        if cut:
            end = self.read_to - len(block) + cut
            runs.append(Run(self._start, end, self._held + block[:cut]))
            self._start = end
            self._held = block[cut:]
        else:
            self._held += block
        if len(self._held) > self._max_line_bytes:
            self._is_oversize = True
            self._held = self._held[:KEPT_OF_OVERSIZE_BYTES]
        return runs

    def finish(self) -> list[Run]:
        """Return the line without line feed that the file ends with, if there is one."""
        return [self._rest(is_complete=False)] if self._held else []

    def _rest(self, *, is_complete: bool) -> Run:
        oversize = self.read_to - self._start if self._is_oversize else None
        run = Run(self._start, self.read_to, self._held, oversize, is_complete)
        self._start = self.read_to
        self._held = b""
        self._is_oversize = False
        return run
