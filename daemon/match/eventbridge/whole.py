"""Matches an event that was read whole, whatever its shape: the slower twin of the generated program.

matcher.py hands it what document.py has read.  Cost follows the fields that the event has, not those that the rules
name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from daemon.errors import DecodeError, RejectReason
from daemon.match.eventbridge.bits import bits_of, numbers_of
from daemon.match.eventbridge.consistency import Consistency
from daemon.match.eventbridge.document import undecoded
from daemon.match.eventbridge.groups import Group, Steps
from daemon.match.eventbridge.operators import Scalar
from daemon.match.eventbridge.table import FieldTable

Values: TypeAlias = dict[Steps, list[Scalar]]


@dataclass(slots=True)
class Trie:
    """The fields of a rule set by their steps."""

    children: dict[str, Trie] = dataclasses.field(default_factory=dict)
    field: Steps | None = None
    """The field that ends here."""

    def add(self, steps: Steps) -> None:
        """File a field."""
        node = self
        for step in steps:
            node = node.children.setdefault(step, Trie())
        node.field = steps

    def follow(self, name: str) -> Trie | None:
        """Return where an event's name leads; a name with dots is several steps."""
        if "." not in name:
            return self.children.get(name)
        node: Trie | None = self
        for step in name.split("."):
            node = node.children.get(step) if node else None
        return node


class WholeMatcher:
    """All groups of a rule set, by the fields that an event has."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = [_WholeGroup(group) for group in groups]
        self._root = Trie()
        for steps in {steps for group in groups for steps, _ in group.fields}:
            self._root.add(steps)

    def match(self, document: dict[str, Any]) -> list[int]:
        """Return the numbers of the alternatives that match; raise DecodeError where a field is not UTF-8."""
        values, shared = self._collect(document)
        return [number for group in self._groups for number in group.match(values, document if shared else None)]

    def _collect(self, document: dict[str, Any]) -> tuple[Values, bool]:
        """Return the values of each field, and whether an array of objects or arrays is on the way to one."""
        values: Values = {}
        shared = False
        pending: list[tuple[Any, Trie]] = [(document, self._root)]
        while pending:
            value, node = pending.pop()
            if isinstance(value, dict):
                for name, inner in value.items():
                    following = node.follow(name)
                    if following:
                        pending.append((inner, following))
            elif isinstance(value, list):
                shared = shared or any(isinstance(element, list | dict) for element in value)
                pending += [(element, node) for element in value]
            elif node.field is not None:
                if isinstance(value, str) and undecoded(value):
                    raise DecodeError(RejectReason.NOT_UTF8, "a field that rules look at is not UTF-8")
                values.setdefault(node.field, []).append(value)
        return values, shared


class _WholeGroup:
    """One group; each alternative is filed under one field that it needs, None for those that need none."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._tables: dict[Steps, list[FieldTable]] = {}
        self._conditions: list[list[tuple[Steps, FieldTable]]] = [[] for _ in group.alternatives]
        for steps, table in group.fields:
            self._tables.setdefault(steps, []).append(table)
            for local in table.constrained:
                self._conditions[local].append((steps, table))
        self._filed: dict[Steps | None, list[int]] = {}
        for local, conditions in enumerate(self._conditions):
            needed = (steps for steps, table in conditions if not table.absent >> local & 1)
            self._filed.setdefault(next(needed, None), []).append(local)

    def match(self, values: Values, document: dict[str, Any] | None) -> list[int]:
        """Return the alternatives that match; those of a `document` must be consistent in its arrays."""
        matched = bits_of(local for steps in (None, *values) for local in self._filed.get(steps, ()))
        for steps, found in values.items():
            for table in self._tables.get(steps, ()):
                if matched:
                    matched &= table[found]
        survivors = [
            local for local in numbers_of(matched, range(len(self._conditions))) if self._is_complete(local, values)
        ]
        return [
            self._group.alternatives[local]
            for local in survivors
            if document is None or self._is_consistent(document, local, values)
        ]

    def _is_complete(self, local: int, values: Values) -> bool:
        return all(steps in values or table.absent >> local & 1 for steps, table in self._conditions[local])

    def _is_consistent(self, document: dict[str, Any], local: int, values: Values) -> bool:
        conditions = [(steps, table) for steps, table in self._conditions[local] if steps in values]
        consistency = Consistency(lambda number, value: bool(conditions[number][1][value] >> local & 1))
        return consistency.holds(document, {number: steps for number, (steps, _) in enumerate(conditions)})
