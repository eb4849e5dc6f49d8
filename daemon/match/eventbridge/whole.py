"""Matches an event that was read whole, whatever its shape: the slower twin of the generated program.

matcher.py hands it what document.py has read.  Cost follows the fields that the event has, not those that the rules
name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from daemon.errors import DecodeError, RejectReason
from daemon.match.eventbridge.ambiguity import Budget
from daemon.match.eventbridge.bits import bits_of, numbers_of
from daemon.match.eventbridge.consistency import consistent
from daemon.match.eventbridge.document import undecoded
from daemon.match.eventbridge.groups import Group
from daemon.match.eventbridge.operators import Scalar
from daemon.match.eventbridge.table import FieldTable
from daemon.match.eventbridge.trie import Steps, Trie

Values: TypeAlias = dict[Steps, list[Scalar]]


class WholeMatcher:
    """All groups of a rule set, by the fields that an event has."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = [_WholeGroup(group) for group in groups]
        self._root: Trie[FieldTable] = Trie()
        for steps in {steps for group in groups for steps, _ in group.fields}:
            self._root.add(steps)

    def match(self, document: dict[str, Any]) -> list[int]:
        """Return the numbers of the alternatives that match.

        Raises DecodeError where a field is not UTF-8 or spelled in too many ways.
        """
        values, shared = self._collect(document)
        budget = Budget()
        found: list[int] = []
        for group in self._groups:
            matched = group.match(values)
            if matched and shared:
                fields = [(steps, table) for steps in shared for table in group.tables.get(steps, ())]
                matched = consistent(document, matched, fields, budget)
            found += numbers_of(matched, group.alternatives)
        return found

    def _collect(self, document: dict[str, Any]) -> tuple[Values, set[Steps]]:
        """Return the values of each field, and the fields that have values below an array of objects or arrays."""
        values: Values = {}
        shared: set[Steps] = set()
        pending: list[tuple[Any, Trie[FieldTable], bool]] = [(document, self._root, False)]
        while pending:
            value, node, below = pending.pop()
            if isinstance(value, dict):
                parts = [(inner, following) for name, inner in value.items() if (following := node.follow(name))]
            else:
                parts = [(element, node) for element in value]
            inside = below or isinstance(value, list)
            for part, following in parts:
                if isinstance(part, dict | list):
                    pending.append((part, following, inside))
                elif following.field is not None:
                    if isinstance(part, str) and undecoded(part):
                        raise DecodeError(RejectReason.NOT_UTF8, "a field that rules look at is not UTF-8")
                    values.setdefault(following.field, []).append(part)
                    if below:
                        shared.add(following.field)
        return values, shared


class _WholeGroup:
    """One group; each alternative is filed under one field that it needs, None for those that need none."""

    def __init__(self, group: Group) -> None:
        self.alternatives = group.alternatives
        self.tables: dict[Steps, list[FieldTable]] = {}
        """By field; several where an alternative has several conditions on it."""
        self._conditions: list[list[tuple[Steps, FieldTable]]] = [[] for _ in group.alternatives]
        for steps, table in group.fields:
            self.tables.setdefault(steps, []).append(table)
            for local in table.constrained:
                self._conditions[local].append((steps, table))
        filed: dict[Steps | None, list[int]] = {}
        for local, conditions in enumerate(self._conditions):
            needed = (steps for steps, table in conditions if not table.absent >> local & 1)
            filed.setdefault(next(needed, None), []).append(local)
        self._filed = {steps: bits_of(locals_) for steps, locals_ in filed.items()}

    def match(self, values: Values) -> int:
        """Return the alternatives that match without regard to arrays, as bits."""
        matched = 0
        for steps in (None, *values):
            matched |= self._filed.get(steps, 0)
        for steps, found in values.items():
            for table in self.tables.get(steps, ()):
                if matched:
                    matched &= table[found]
        for local in numbers_of(matched, range(len(self._conditions))):
            if any(steps not in values and not table.absent >> local & 1 for steps, table in self._conditions[local]):
                matched ^= 1 << local
        return matched
