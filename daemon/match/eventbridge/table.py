"""The table of one field: from a value to the alternatives whose condition on this field it satisfies.

matcher.py builds one for each field of a rule set; the generated program looks values up in it like in any dict, and
only a value not seen before (or dropped since) is worked out from the indexes.  What is remembered is bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, TypeAlias

from msgspec import UNSET, UnsetType

from daemon.match.eventbridge.bits import bits_of
from daemon.match.eventbridge.operators import AnythingBut, Exists, Positive, Scalar, Test
from daemon.match.eventbridge.value_index import ValueIndex

FieldValue: TypeAlias = Scalar | tuple[Scalar, ...] | UnsetType

LONGEST_REMEMBERED: Final = 256


class FieldTable(dict[FieldValue, int]):
    """Sets of alternatives (bits.py) by value; UNSET stands for a field that is not there."""

    def __init__(self, alternatives: int, conditions: Iterable[tuple[int, Sequence[Test]]], capacity: int) -> None:
        """Take each alternative that has a condition on the field, with its tests, out of `alternatives` in all."""
        super().__init__()
        self._alternatives = alternatives
        self._capacity = capacity
        self.constrained: list[int] = []
        self._with_absent: list[int] = []
        self._with_present: list[int] = []
        self._tests: dict[Positive, int] = {}
        self._holders: list[list[int]] = []
        """For each test, by number: the alternatives it satisfies."""
        self._vetoes: list[list[int]] = []
        """For each test, by number: the exclusions (each one anything-but) that it makes fail."""
        self._excluding: list[int] = []
        """For each exclusion: its alternative."""
        for alternative, tests in conditions:
            self.constrained.append(alternative)
            for test in tests:
                self._add(alternative, test)
        self._exclusions = Counter(self._excluding)
        self.selectivity = len(self.constrained) - max(map(len, self._holders), default=0)
        """How many alternatives a random value tends to rule out."""

    def _add(self, alternative: int, test: Test) -> None:
        if isinstance(test, Exists):
            (self._with_present if test.wanted else self._with_absent).append(alternative)
        elif isinstance(test, AnythingBut):
            for excluded in set(test.excluded):
                self._vetoes[self._number(excluded)].append(len(self._excluding))
            self._excluding.append(alternative)
        else:
            self._holders[self._number(test)].append(alternative)

    def _number(self, test: Positive) -> int:
        number = self._tests.setdefault(test, len(self._tests))
        if number == len(self._holders):
            self._holders.append([])
            self._vetoes.append([])
        return number

    @cached_property
    def _index(self) -> ValueIndex:
        return ValueIndex(self._tests)

    @cached_property
    def _free(self) -> int:
        return ((1 << self._alternatives) - 1) ^ bits_of(self.constrained)

    @cached_property
    def absent(self) -> int:
        """The alternatives that a field that is not there satisfies."""
        return self._free | bits_of(self._with_absent)

    @cached_property
    def _any_value(self) -> int:
        return self._free | bits_of(self._with_present)

    @cached_property
    def _unless_excluded(self) -> int:
        return bits_of(self._exclusions)

    def __missing__(self, value: FieldValue) -> int:
        """Work out the alternatives for a value that is not remembered."""
        if isinstance(value, tuple):
            satisfied = 0
            for element in value:
                satisfied |= self[element]
            return satisfied if value else self.absent
        if isinstance(value, str | int | float) or value is None:
            satisfied = self._work_out(value)
            if value in (0, 1):  # False and True would find them
                return satisfied
        else:
            satisfied, value = self.absent, UNSET
        if not isinstance(value, str) or len(value) <= LONGEST_REMEMBERED:
            if len(self) >= self._capacity:
                self.clear()
            self[value] = satisfied
        return satisfied

    def _work_out(self, value: Scalar) -> int:
        found = self._index.find(value)
        holders = bits_of(alternative for number in found for alternative in self._holders[number])
        failed = Counter(self._excluding[veto] for veto in {veto for number in found for veto in self._vetoes[number]})
        excluded = bits_of(
            alternative for alternative, count in failed.items() if count == self._exclusions[alternative]
        )
        return self._any_value | holders | (self._unless_excluded ^ excluded)
