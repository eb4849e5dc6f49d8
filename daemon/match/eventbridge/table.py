"""The table of one field: from a value to the alternatives whose condition on this field it satisfies.

matcher.py builds one for each field of a rule set; the generated program looks values up in it like in any dict, and
only a value not seen before (or dropped since) is worked out from the indexes.  What is remembered is bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, TypeAlias
from weakref import WeakSet

from msgspec import UNSET, UnsetType

from daemon.match.eventbridge.bits import bits_of
from daemon.match.eventbridge.operators import AnythingBut, Exists, Positive, Scalar, Test
from daemon.match.eventbridge.value_index import ValueIndex

FieldValue: TypeAlias = Scalar | UnsetType

LONGEST_REMEMBERED: Final = 256
_REMEMBERED_BYTES: Final = 32 * 1024 * 1024
_BYTES_FOR_A_VALUE: Final = 160
"""An entry of a dict with two small objects."""
_SCALARS: Final = (str, int, float, bool, type(None))
_TWINS: Final = (0, 1)
"""A dict takes False and True for the same."""


class Allowance:
    """What all tables of a rule set may remember together; when it is used up, the largest forgets."""

    def __init__(self) -> None:
        self.tables: WeakSet[FieldTable] = WeakSet()
        self._left = _REMEMBERED_BYTES

    def spend(self, size: int) -> None:
        """Count bytes that a table has begun to take."""
        self._left -= size
        if self._left < 0:
            largest = max(self.tables, key=lambda table: table.spent)
            self._left += largest.spent
            largest.forget()


class FieldTable:
    """Sets of alternatives (bits.py) by value; UNSET stands for a field that is not there."""

    def __init__(
        self, alternatives: int, conditions: Iterable[tuple[int, Sequence[Test]]], allowance: Allowance
    ) -> None:
        """Take each alternative that has a condition on the field, with its tests, out of `alternatives` in all."""
        self.known: dict[FieldValue, int] = {}
        """What is remembered; a value that is not in here has to be looked up in the table itself."""
        self._apart: dict[tuple[type, Scalar], int] = {}
        self._alternatives = alternatives
        self._allowance = allowance
        allowance.tables.add(self)
        self.spent = 0
        """Bytes that `known` takes, roughly."""
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

    def prepare(self) -> None:
        """Build now what the first lookup would build: rules are compiled aside, lookups hold up the event loop."""
        self._otherwise.bit_length()
        self.absent.bit_length()
        self._index.find("")

    @property
    def survivors(self) -> int:
        """How many alternatives a value lets through at worst, by a rough count."""
        free = self._alternatives - len(self.constrained)
        return free + len(self._with_present) + len(self._exclusions) + self.crowd

    @property
    def crowd(self) -> int:
        """How many alternatives the commonest test satisfies."""
        return max(map(len, self._holders), default=0)

    @property
    def selective(self) -> set[int]:
        """The alternatives that need one of a few values here, rather than any, none or any but a few."""
        return set(self.constrained) - set(self._with_present) - set(self._with_absent) - set(self._excluding)

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
        return ((1 << self._alternatives) - 1) ^ self.asked

    @cached_property
    def asked(self) -> int:
        """The alternatives that have a condition here."""
        return bits_of(self.constrained)

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

    @cached_property
    def _otherwise(self) -> int:
        """The alternatives that a value lets through for which no test holds."""
        return self._any_value | self._unless_excluded

    def __getitem__(self, value: FieldValue | list[Scalar]) -> int:
        """Return the alternatives that a value, or any in a list, lets through."""
        if isinstance(value, list):
            return self.any_of(value)
        known = self.known.get(value)
        if known is not None:
            return known
        if isinstance(value, str):
            satisfied = self._work_out(value)
            if len(value) <= LONGEST_REMEMBERED:
                self._remember(value, satisfied)
            return satisfied
        if not isinstance(value, _SCALARS):
            self._remember(UNSET, self.absent)
            return self.absent
        if value in _TWINS:
            return self._twin(value)
        satisfied = self._work_out(value)
        self._remember(value, satisfied)
        return satisfied

    def any_of(self, values: list[Scalar]) -> int:
        """Return the alternatives that any of some values lets through; none at all are as good as no field."""
        satisfied = 0 if values else self.absent
        for value in values:
            known = self.known.get(value)
            satisfied |= self[value] if known is None else known
        return satisfied

    def _remember(self, value: FieldValue, satisfied: int) -> None:
        self.known[value] = satisfied
        size = _BYTES_FOR_A_VALUE + (satisfied.bit_length() >> 3) + (len(value) if isinstance(value, str) else 0)
        self.spent += size
        self._allowance.spend(size)

    def forget(self) -> None:
        """Drop all values remembered."""
        self.known.clear()
        self.spent = 0

    def _twin(self, value: Scalar) -> int:
        """Look up one of 0, 1, False and True; `known` may have it only where its twin means the same."""
        satisfied = self._apart.get((value.__class__, value))
        if satisfied is None:
            satisfied = self._apart[value.__class__, value] = self._work_out(value)
            twin = int(value) if isinstance(value, bool) else bool(value)
            if self._work_out(twin) == satisfied:
                self._remember(value, satisfied)
        return satisfied

    def _work_out(self, value: Scalar) -> int:
        found = self._index.find(value)
        if not found:
            return self._otherwise
        holders = bits_of(local for number in found for local in self._holders[number])
        unless_excluded = self._unless_excluded
        if unless_excluded:
            vetoes = {veto for number in found for veto in self._vetoes[number]}
            failed = Counter(self._excluding[veto] for veto in vetoes)
            unless_excluded ^= bits_of(local for local, count in failed.items() if count == self._exclusions[local])
        return self._any_value | holders | unless_excluded
