"""Which of many beginnings a text has: one binary search, whatever their number.

search.py files strings with a star behind them here, and, reversed, those with a star before them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from daemon.match.logs.values import TextTest

Entry: TypeAlias = tuple[TextTest | None, list[int]]
"""What else must hold of the whole text, if anything, and the filters that wait for it."""


class Beginnings:
    """Entries by the beginning that they need."""

    def __init__(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        self._sorted = sorted(entries)
        self._entries = [entries[beginning] for beginning in self._sorted]
        self._parents: list[int] = []
        """Of each, the place of the longest other one that it begins with; -1 for none."""
        for place, beginning in enumerate(self._sorted):
            parent = place - 1
            while parent >= 0 and not beginning.startswith(self._sorted[parent]):
                parent = self._parents[parent]
            self._parents.append(parent)

    def __len__(self) -> int:
        return len(self._sorted)

    def waiting(self, begun: str, text: str) -> list[int]:
        """Return the filters whose beginning `begun` has, and whose test `text` passes."""
        place = bisect_right(self._sorted, begun) - 1
        found: list[int] = []
        while place >= 0:
            # Whatever stands in order between a text and a beginning of it has that beginning too.
            if begun.startswith(self._sorted[place]):
                for test, filters in self._entries[place]:
                    if test is None or test(text):
                        found += filters
            place = self._parents[place]
        return found
