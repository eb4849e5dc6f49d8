"""Indexes from a value to the tests that hold for it, one class for each kind of test.

table.py fills them when rules are compiled and asks them once for each new value.  Each is built by `add` calls that
carry a test's number, then asked by `find`, which returns the numbers; how long that takes depends on the value's
length and on what is found, hardly on how many tests there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator

from daemon.match.eventbridge.addresses import Address, Block
from daemon.match.eventbridge.operators import Between, Wildcard

_GRAM = 3


class Prefixes:
    """Texts that values begin with.  Suffixes are prefixes of what is reversed."""

    def __init__(self, numbered: Iterable[tuple[str, int]]) -> None:
        numbers: dict[str, list[int]] = {}
        for text, number in numbered:
            numbers.setdefault(text, []).append(number)
        self._texts = sorted(numbers)
        self._numbers = [numbers[text] for text in self._texts]
        self._shorter = list(_longest_proper_prefixes(self._texts))

    def find(self, value: str) -> list[int]:
        """Return the numbers of all texts that `value` begins with.

        All of them are prefixes of the greatest text not above `value`.
        """
        found: list[int] = []
        at = bisect_right(self._texts, value) - 1
        while at >= 0:
            if value.startswith(self._texts[at]):
                found += self._numbers[at]
            at = self._shorter[at]
        return found


def _longest_proper_prefixes(ordered: list[str]) -> Iterator[int]:
    """Yield for each text the place of the longest other one that it begins with, -1 where there is none."""
    chain: list[int] = []
    for at, text in enumerate(ordered):
        while chain and not text.startswith(ordered[chain[-1]]):
            chain.pop()
        yield chain[-1] if chain else -1
        chain.append(at)


class Ranges:
    """Numeric ranges: a segment tree over the bounds and the gaps between them."""

    def __init__(self, numbered: Iterable[tuple[Between, int]]) -> None:
        ranges = list(numbered)
        self._bounds = sorted({bound for test, _ in ranges for bound in (test.low, test.high)})
        self._size = 2 * len(self._bounds) + 1
        self._nodes: list[list[int]] = [[] for _ in range(2 * self._size)]
        for test, number in ranges:
            self._insert(self._leaf(test.low) + test.low_open, self._leaf(test.high) + 1 - test.high_open, number)

    def _leaf(self, value: float) -> int:
        """Return the odd place of a bound itself or the even one of the gap that a value lies in."""
        at = bisect_left(self._bounds, value)
        return self._size + 2 * at + (at < len(self._bounds) and self._bounds[at] == value)

    def _insert(self, first: int, end: int, number: int) -> None:
        while first < end:
            if first & 1:
                self._nodes[first].append(number)
                first += 1
            if end & 1:
                end -= 1
                self._nodes[end].append(number)
            first >>= 1
            end >>= 1

    def find(self, value: float) -> list[int]:
        """Return the numbers of all ranges that hold `value`."""
        found: list[int] = []
        node = self._leaf(value)
        while node:
            found += self._nodes[node]
            node >>= 1
        return found


class Blocks:
    """CIDR blocks: one table for each width and number of bits."""

    def __init__(self, numbered: Iterable[tuple[Block, int]]) -> None:
        self._tables: dict[tuple[int, int], dict[int, list[int]]] = {}
        for block, number in numbered:
            table = self._tables.setdefault((block.width, block.width - block.bits), {})
            table.setdefault(block.network, []).append(number)

    def find(self, address: Address) -> list[int]:
        """Return the numbers of all blocks that the address is in."""
        found: list[int] = []
        for (width, shift), table in self._tables.items():
            if width == address.width:
                found += table.get(address.number >> shift, ())
        return found


class Wildcards:
    """Wildcards, each filed under its first piece, its last or three characters of another, whichever is rarest."""

    def __init__(self, numbered: Iterable[tuple[Wildcard, int]]) -> None:
        self._tests = {number: test for test, number in numbered}
        keys = {number: list(_keys(test)) for number, test in self._tests.items()}
        popularity = Counter(key for candidates in keys.values() for key in candidates)
        filed: dict[str, list[tuple[str, int]]] = {"start": [], "end": [], "inside": [], "": []}
        for number, candidates in keys.items():
            kind, text = min(candidates, key=lambda key: (popularity[key], -len(key[1])), default=("", ""))
            filed[kind].append((text, number))
        self._starts = Prefixes(filed["start"])
        self._ends = Prefixes((text[::-1], number) for text, number in filed["end"])
        self._inside: dict[str, list[int]] = {}
        for text, number in filed["inside"]:
            self._inside.setdefault(text, []).append(number)
        self._others = [number for _, number in filed[""]]

    def find(self, value: str) -> list[int]:
        """Return the numbers of all wildcards that hold for `value`."""
        candidates = self._starts.find(value) + self._ends.find(value[::-1]) + self._others
        if self._inside:
            grams = {value[at : at + _GRAM] for at in range(len(value) - _GRAM + 1)}
            for gram in self._inside.keys() & grams:
                candidates += self._inside[gram]
        return [number for number in candidates if self._tests[number].holds(value)]


def _keys(test: Wildcard) -> Iterator[tuple[str, str]]:
    """Yield what a value must begin with, end with or contain for the wildcard to hold."""
    if test.pieces[0]:
        yield "start", test.pieces[0]
    if test.pieces[-1]:
        yield "end", test.pieces[-1]
    for piece in test.pieces[1:-1]:
        for at in range(len(piece) - _GRAM + 1):
            yield "inside", piece[at : at + _GRAM]
