"""All tests that a rule set puts on one field, filed by kind, so that a value finds those that hold for it.

table.py asks it for each value it does not remember.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daemon.match.eventbridge.addresses import Block, parse_address
from daemon.match.eventbridge.casing import Side, fold
from daemon.match.eventbridge.indexes import Blocks, Prefixes, Ranges, Wildcards
from daemon.match.eventbridge.operators import Affix, Between, Exact, InBlock, Positive, Scalar, Wildcard


class ValueIndex:
    """The numbers of tests, by value."""

    def __init__(self, tests: Mapping[Positive, int]) -> None:
        """Take the tests with their numbers."""
        self._constants: dict[str, list[int]] = {}
        self._numbers: dict[float, list[int]] = {}
        self._strings: dict[str, list[int]] = {}
        affixes: list[tuple[Affix, int]] = []
        blocks: list[tuple[Block, int]] = []
        ranges: list[tuple[Between, int]] = []
        wildcards: list[tuple[Wildcard, int]] = []
        for test, number in tests.items():
            match test:
                case Exact():
                    if test.address:
                        width, address = test.address
                        blocks.append((Block(width, width, address), number))
                    elif isinstance(test.value, str):
                        self._strings[test.value] = [number]
                    elif test.value is None or isinstance(test.value, bool):
                        self._constants[str(test.value)] = [number]
                    else:
                        self._numbers[test.value] = [number]
                case Affix():
                    affixes.append((test, number))
                case Between():
                    ranges.append((test, number))
                case Wildcard():
                    wildcards.append((test, number))
                case InBlock():
                    blocks.append((test.block, number))
        self._blocks = Blocks(blocks) if blocks else None
        self._ranges = Ranges(ranges) if ranges else None
        self._wildcards = Wildcards(wildcards) if wildcards else None
        self._affixes = _Affixes((test.side, test.text, number) for test, number in affixes if not test.ignore_case)
        self._folded = _Affixes((test.side, fold(test.text), number) for test, number in affixes if test.ignore_case)
        self._verify = {number: test.verify for test, number in affixes if test.ignore_case}

    def find(self, value: Scalar) -> list[int]:
        """Return the numbers of all tests that hold for `value`."""
        if isinstance(value, str):
            return self._find_string(value)
        if value is None or isinstance(value, bool):
            return self._constants.get(str(value), [])
        found = self._numbers.get(value, [])
        return found + self._ranges.find(value) if self._ranges else found

    def _find_string(self, value: str) -> list[int]:
        found = self._strings.get(value, []) + self._affixes.find(value)
        if self._verify:
            found += [number for number in self._folded.find(fold(value)) if self._verify[number](value)]
        if self._wildcards:
            found += self._wildcards.find(value)
        if self._blocks:
            address = parse_address(value)
            if address:
                found += self._blocks.find(address)
        return found


class _Affixes:
    """Texts that values are, begin with or end with."""

    def __init__(self, numbered: Iterable[tuple[Side, str, int]]) -> None:
        by_side: dict[Side, list[tuple[str, int]]] = {side: [] for side in Side}
        for side, text, number in numbered:
            by_side[side].append((text, number))
        self._whole: dict[str, list[int]] = {}
        for text, number in by_side[Side.WHOLE]:
            self._whole.setdefault(text, []).append(number)
        self._starts = Prefixes(by_side[Side.START])
        self._ends = Prefixes((text[::-1], number) for text, number in by_side[Side.END])

    def find(self, value: str) -> list[int]:
        return self._whole.get(value, []) + self._starts.find(value) + self._ends.find(value[::-1])
