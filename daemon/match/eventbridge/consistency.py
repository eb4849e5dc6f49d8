"""Array consistency: the fields that satisfy one alternative must agree on every array they share.

Each value below an array belongs to one of its elements, and one alternative cannot mix values of two elements of the
same array.  As an event is a tree this needs no search through combinations: an object satisfies what each of its
names satisfies, an array what any of its elements does, and that for all alternatives at once, as bits.  So each part
of the event is looked at once, whatever the rules.

whole.py asks here about the alternatives that match without regard to arrays.  Those for which an object leads to one
of their fields under two names go on to ambiguity.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from daemon.match.eventbridge.ambiguity import Budget, Holds, is_consistent
from daemon.match.eventbridge.bits import numbers_of
from daemon.match.eventbridge.operators import Scalar
from daemon.match.eventbridge.table import FieldTable
from daemon.match.eventbridge.trie import Steps, Trie

Fields: TypeAlias = Sequence[tuple[Steps, FieldTable]]
Satisfied: TypeAlias = tuple[int, ...]
"""For each table of a field: the alternatives that it lets through by a value that belongs to no element."""


def consistent(document: dict[str, Any], matched: int, fields: Fields, budget: Budget) -> int:
    """Return those of the alternatives `matched` that are satisfied consistently.

    `fields` are those that have values below an array of objects or arrays.
    """
    candidates = _on_several(matched, (table.asked for _, table in fields))
    if not candidates:
        return matched
    root: Trie[FieldTable] = Trie()
    for steps, table in fields:
        concerned = table.asked & candidates
        if concerned:
            root.add(steps, table, concerned)
    walk = _Walk(candidates)
    found = walk.settle(document, root)
    ambiguous = walk.ambiguous & candidates
    found &= candidates ^ ambiguous
    for alternative in numbers_of(ambiguous, range(ambiguous.bit_length())):
        conditions = [
            (steps, _lets_through(table, alternative)) for steps, table in fields if table.asked >> alternative & 1
        ]
        if is_consistent(document, conditions, budget):
            found |= 1 << alternative
    return matched ^ candidates | found


def _lets_through(table: FieldTable, alternative: int) -> Holds:
    return lambda value: bool(table[value] >> alternative & 1)


def _on_several(alternatives: int, sets: Iterable[int]) -> int:
    """Return the alternatives that are in more than one of some sets."""
    once = several = 0
    for one in sets:
        several |= once & one
        once |= one
    return several & alternatives


class _Walk:
    """Settles candidates on one event: down to find its parts, and back up to put them together."""

    def __init__(self, candidates: int) -> None:
        self._candidates = candidates
        self._pending: list[tuple[Any, Trie[FieldTable], int, Satisfied]] = []
        self._parents: list[int] = []
        self._satisfied: list[int] = []
        """The alternatives satisfied in each object or array found, as far as known."""
        self._are_arrays: list[bool] = []
        self.ambiguous = 0
        """The alternatives that have fields to which an object leads under two names, as "a" and "a.b" to a.b."""

    def settle(self, document: dict[str, Any], root: Trie[FieldTable]) -> int:
        """Return the candidates that are satisfied, but for the ambiguous ones."""
        self._pending.append((document, root, -1, ()))
        while self._pending:
            value, node, parent, satisfied = self._pending.pop()
            self._parents.append(parent)
            self._are_arrays.append(isinstance(value, list))
            if isinstance(value, list):
                self._satisfied.append(self._enter_array(value, node, satisfied))
            else:
                self._satisfied.append(self._enter_object(value, node, satisfied))
        for number in range(len(self._parents) - 1, 0, -1):
            parent = self._parents[number]
            if self._are_arrays[parent]:
                self._satisfied[parent] |= self._satisfied[number]
            else:
                self._satisfied[parent] &= self._satisfied[number]
        return self._satisfied[0]

    def _enter_array(self, array: list[Any], node: Trie[FieldTable], satisfied: Satisfied) -> int:
        """Return what the array satisfies without its objects and arrays, which are put off."""
        number = len(self._parents) - 1
        scalars = [element for element in array if not isinstance(element, dict | list)]
        if scalars and node.asked:
            satisfied = tuple(known | table[scalars] for known, (table, _) in zip(satisfied, node.asked, strict=True))
        self._pending += [(element, node, number, satisfied) for element in array if isinstance(element, dict | list)]
        return self._all_of(satisfied) & (self._candidates ^ node.below)

    def _enter_object(self, value: dict[str, Any], node: Trie[FieldTable], satisfied: Satisfied) -> int:
        """Return what the object may satisfy, given its scalars; its objects and arrays are put off."""
        number = len(self._parents) - 1
        reached = {name: following for name in value if (following := node.follow(name))}
        if len(reached) > 1:
            self._find_ambiguous(reached)
        possible = self._all_of(satisfied) & ~node.missing_beside(reached)
        inner = []
        for name, following in reached.items():
            part = value[name]
            if isinstance(part, dict | list):
                inner.append((part, following, number, self._none_of(following)))
            else:
                possible &= self._scalar(part, following)
        if possible:
            self._pending += inner
        return possible

    def _find_ambiguous(self, reached: dict[str, Trie[FieldTable]]) -> None:
        for name, following in reached.items():
            at = name.rfind(".")
            while at >= 0:
                if name[:at] in reached:
                    self.ambiguous |= following.concerned
                at = name.rfind(".", 0, at)

    def _scalar(self, value: Scalar, node: Trie[FieldTable]) -> int:
        satisfied = self._candidates ^ node.below
        for table, _ in node.asked:
            satisfied &= table[value]
        return satisfied

    def _none_of(self, node: Trie[FieldTable]) -> Satisfied:
        return tuple(self._candidates ^ concerned for _, concerned in node.asked)

    def _all_of(self, satisfied: Satisfied) -> int:
        possible = self._candidates
        for one in satisfied:
            possible &= one
        return possible
