"""Alternatives that have conditions on the same fields, with a table for each of these fields.

matcher.py makes them and hands them to program.py and whole.py.  A group of its own looks at its own fields only, and
its sets are as small as it is; that is what keeps ten thousand rules fast.  What is left over shares one group, whose
tables let through what they say nothing about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final, TypeAlias

from daemon.match.eventbridge.operators import Exact, Test
from daemon.match.eventbridge.pattern import Alternative
from daemon.match.eventbridge.table import Allowance, FieldTable

Steps: TypeAlias = tuple[str, ...]
Slot: TypeAlias = tuple[Steps, int]
"""A field's steps and, should an alternative have several conditions on it, which of them."""

SMALLEST_OWN_GROUP: Final = 64
MOST_OWN_GROUPS: Final = 32
MOST_COMBINATIONS: Final = 16
"""How many combinations of values each alternative may have on average for a table of combinations."""


Condition: TypeAlias = tuple[Slot, tuple[Test, ...]]


@dataclass(frozen=True, slots=True)
class Group:
    """Some alternatives; in its tables, bit i stands for `alternatives[i]`."""

    alternatives: Sequence[int]
    """By their number in the rule set."""
    fields: Sequence[tuple[Steps, FieldTable]]
    """Those that rule out most come first."""
    combinations: Mapping[tuple[str, ...], Sequence[int]] | None
    """Where all tests are for strings as they are: the alternatives by the values of all `fields`, in their order."""

    def decisive_fields(self) -> list[tuple[Steps, FieldTable]]:
        """Return few fields that together rule out every alternative for most values; all, where there are no such.

        Greedy set cover: next comes the field that rules out most of what is left, unless its values are so common
        (the `detail-type` that all rules share) that they let much through again.
        """
        left, chosen = set(range(len(self.alternatives))), []
        while left:
            best = max(self.fields, key=lambda field: len(left & field[1].selective) / (1 + field[1].crowd))
            if not left & best[1].selective:
                return list(self.fields)
            chosen.append(best)
            left -= best[1].selective
        return chosen


def group(alternatives: Sequence[Alternative]) -> list[Group]:
    """Spread a rule set's alternatives over groups."""
    conditions = [list(_conditions(alternative)) for alternative in alternatives]
    kinds = [frozenset((slot, _are_plain(tests)) for slot, tests in each) for each in conditions]
    common = [kind for kind, count in Counter(kinds).most_common(MOST_OWN_GROUPS) if count >= SMALLEST_OWN_GROUP]
    members: dict[frozenset[tuple[Slot, bool]] | None, list[int]] = {kind: [] for kind in common}
    for number, kind in enumerate(kinds):
        members.setdefault(kind if kind in members else None, []).append(number)
    allowance = Allowance()
    return [_group(numbers, [conditions[number] for number in numbers], allowance) for numbers in members.values()]


def _conditions(alternative: Alternative) -> Iterator[Condition]:
    seen: Counter[Steps] = Counter()
    for condition in alternative:
        steps = condition.steps
        yield (steps, seen[steps]), condition.tests
        seen[steps] += 1


def _are_plain(tests: Sequence[Test]) -> bool:
    return all(isinstance(test, Exact) and isinstance(test.value, str) and not test.address for test in tests)


def _group(numbers: Sequence[int], conditions: Sequence[Sequence[Condition]], allowance: Allowance) -> Group:
    by_slot: dict[Slot, list[tuple[int, tuple[Test, ...]]]] = {}
    for local, each in enumerate(conditions):
        for slot, tests in each:
            by_slot.setdefault(slot, []).append((local, tests))
    fields = [(slot, FieldTable(len(numbers), held, allowance)) for slot, held in by_slot.items()]
    for _, table in fields:
        table.prepare()
    # Of fields that leave about as many alternatives, the deeper one is more often not there at all.
    fields.sort(key=lambda field: (field[1].survivors.bit_length(), -len(field[0][0])))
    combinations = _combinations(numbers, conditions, [slot for slot, _ in fields])
    return Group(numbers, [(steps, table) for (steps, _), table in fields], combinations)


def _combinations(
    numbers: Sequence[int], conditions: Sequence[Sequence[Condition]], slots: Sequence[Slot]
) -> Mapping[tuple[str, ...], Sequence[int]] | None:
    found: dict[tuple[str, ...], list[int]] = {}
    room = MOST_COMBINATIONS * len(numbers)
    for number, each in zip(numbers, conditions, strict=True):
        tests = dict(each)
        if len(tests) < len(slots) or not all(map(_are_plain, tests.values())):
            return None
        values = [{str(test.value) for test in tests[slot] if isinstance(test, Exact)} for slot in slots]
        room -= prod(map(len, values))
        if room < 0:
            return None
        for key in product(*values):
            found.setdefault(key, []).append(number)
    return found
