"""Settles one alternative on an event that spells a path in two ways within one object, such as "a.b" beside "a".

Then some of the alternative's conditions may be satisfied under either name, and which is chosen matters where both
lead into arrays: a search for one of many combinations.  For each part of the event this keeps the largest sets of
conditions that it satisfies together, which are few unless somebody makes an event for the purpose; that one is
refused.  consistency.py comes here, and explain/ for any event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from daemon.errors import DecodeError, RejectReason
from daemon.match.eventbridge.operators import Scalar
from daemon.match.eventbridge.trie import Steps, Trie

MAX_STEPS: Final = 200_000
"""What one event may take: a step is a part of the event looked at, or two sets put together."""


Holds: TypeAlias = Callable[[Scalar], bool]
"""Tells whether a value satisfies a condition."""


class Budget:
    """The steps left for one event."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        """Raise DecodeError when it is used up."""
        self._left -= steps
        if self._left < 0:
            raise DecodeError(RejectReason.AMBIGUOUS, "one path is spelled in too many ways")


def is_consistent(document: dict[str, Any], conditions: Sequence[tuple[Steps, Holds]], budget: Budget) -> bool:
    """Tell whether all conditions of an alternative, each on a field, can be satisfied together.

    Raises DecodeError when that takes more steps than there are left.
    """
    root: Trie[Holds] = Trie()
    for number, (steps, holds) in enumerate(conditions):
        root.add(steps, holds, 1 << number)
    return bool(_Search(budget).sets(document, root))


class _Search:
    """Sets of conditions, as bits, for each part of an event; going down finds the parts, coming back up the sets."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._pending: list[tuple[Any, Trie[Holds], int, int, int]] = []
        """Parts, each with where it is in the trie, the number of the part around it, the conditions that have to be
        satisfied in it, and those that are by scalars beside it in an array."""
        self._needed: list[int] = []
        self._parents: list[int] = []
        self._are_arrays: list[bool] = []
        self._sets: list[set[int]] = []

    def sets(self, document: dict[str, Any], root: Trie[Holds]) -> set[int]:
        """Return the set of all conditions, or nothing."""
        self._pending.append((document, root, -1, root.concerned, 0))
        while self._pending:
            value, node, parent, needed, satisfied = self._pending.pop()
            self._budget.spend(1)
            self._needed.append(needed)
            self._parents.append(parent)
            self._are_arrays.append(isinstance(value, list))
            enter = self._enter_array if isinstance(value, list) else self._enter_object
            self._sets.append(enter(value, node, needed, satisfied))
        for number in range(len(self._parents) - 1, 0, -1):
            parent, largest = self._parents[number], self._largest(self._sufficient(number))
            if self._are_arrays[parent]:
                self._sets[parent] |= largest
            else:
                self._sets[parent] = self._joined(self._sets[parent], largest)
        return self._sufficient(0)

    def _sufficient(self, number: int) -> set[int]:
        needed = self._needed[number]
        return {one for one in self._sets[number] if not needed & ~one}

    def _enter_array(self, array: list[Any], node: Trie[Holds], needed: int, satisfied: int) -> set[int]:
        number = len(self._parents) - 1
        self._budget.spend(len(array))
        for element in array:
            if not isinstance(element, dict | list):
                satisfied |= self._by_scalar(element, node)
        self._pending += [
            (element, node, number, needed, satisfied) for element in array if isinstance(element, dict | list)
        ]
        return {satisfied}

    def _enter_object(self, value: dict[str, Any], node: Trie[Holds], needed: int, satisfied: int) -> set[int]:
        number = len(self._parents) - 1
        reached = {name: following for name in value if (following := node.follow(name))}
        once = several = 0
        for following in reached.values():
            several |= once & following.concerned
            once |= following.concerned
        if needed & ~satisfied & ~once:
            return set()
        for name, following in reached.items():
            if isinstance(value[name], dict | list):
                needed_there = needed & ~several & following.concerned
                self._pending.append((value[name], following, number, needed_there, 0))
            else:
                satisfied |= self._by_scalar(value[name], following)
        return {satisfied}

    def _by_scalar(self, value: Scalar, node: Trie[Holds]) -> int:
        found = 0
        for holds, condition in node.asked:
            if holds(value):
                found |= condition
        return found

    def _joined(self, ones: set[int], others: set[int]) -> set[int]:
        self._budget.spend(len(ones) * len(others))
        return {one | other for one in ones for other in others}

    def _largest(self, sets: set[int]) -> set[int]:
        """Return those that are part of no other."""
        if len(sets) < 2:
            return sets
        largest: list[int] = []
        for one in sorted(sets, key=int.bit_count, reverse=True):
            self._budget.spend(len(largest))
            if all(one & ~other for other in largest):
                largest.append(one)
        return set(largest)
