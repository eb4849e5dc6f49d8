"""Matches an event that was read whole, whatever its shape: the slower twin of the generated program.

matcher.py hands it what document.py has read.  Cost follows the fields that the event has, not those that the rules
name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.errors import DecodeError, RejectReason
from daemon.match.eventbridge.bits import bits_of, numbers_of
from daemon.match.eventbridge.consistency import Consistency
from daemon.match.eventbridge.document import undecoded
from daemon.match.eventbridge.operators import Scalar
from daemon.match.eventbridge.table import FieldTable


@dataclass(slots=True)
class Trie:
    """The fields of a rule set by their steps."""

    children: dict[str, Trie] = field(default_factory=dict)
    fields: list[int] = field(default_factory=list)
    """The numbers of the fields that end here."""

    def add(self, steps: Iterable[str], number: int) -> None:
        """File field `number` under its steps."""
        node = self
        for step in steps:
            node = node.children.setdefault(step, Trie())
        node.fields.append(number)

    def follow(self, name: str) -> Trie | None:
        """Return where an event's name leads; a name with dots is several steps."""
        if "." not in name:
            return self.children.get(name)
        node: Trie | None = self
        for step in name.split("."):
            node = node.children.get(step) if node else None
        return node


class WholeMatcher:
    """Alternatives by the fields they have conditions on; a field may be several times among the numbered ones."""

    def __init__(
        self, steps: Sequence[tuple[str, ...]], tables: Sequence[FieldTable], alternatives: Sequence[Sequence[int]]
    ) -> None:
        """Take steps and table of each field, and the fields of each alternative."""
        self._steps = steps
        self._tables = tables
        self._fields_of = alternatives
        self._root = Trie()
        for number, names in enumerate(steps):
            self._root.add(names, number)
        self._anchored: dict[int | None, list[int]] = {}
        """The alternatives that need a field, each under one it needs; under None those that need none."""
        for alternative, numbers in enumerate(alternatives):
            needed = [number for number in numbers if not self._may_lack(alternative, number)]
            anchor = max(needed, key=lambda number: tables[number].selectivity, default=None)
            self._anchored.setdefault(anchor, []).append(alternative)

    def _may_lack(self, alternative: int, number: int) -> bool:
        return bool(self._tables[number].absent >> alternative & 1)

    def match(self, document: dict[str, Any]) -> int:
        """Return the alternatives that match, as bits; raise DecodeError where a field that counts is not UTF-8."""
        values, shared = self._collect(document)
        matched = bits_of(a for anchor in (None, *values) for a in self._anchored.get(anchor, ()))
        for number, found in values.items():
            if not matched:
                return 0
            matched &= self._tables[number][tuple(found)]
        survivors = [a for a in numbers_of(matched) if self._absent_suffices(a, values)]
        if shared:
            survivors = [a for a in survivors if self._is_consistent(document, a, values)]
        return bits_of(survivors)

    def _collect(self, document: dict[str, Any]) -> tuple[dict[int, list[Scalar]], bool]:
        """Return the values of each field, and whether an array of objects or arrays is among their ways."""
        values: dict[int, list[Scalar]] = {}
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
            elif node.fields:
                if isinstance(value, str) and undecoded(value):
                    raise DecodeError(RejectReason.NOT_UTF8, "a field that rules look at is not UTF-8")
                for number in node.fields:
                    values.setdefault(number, []).append(value)
        return values, shared

    def _absent_suffices(self, alternative: int, values: dict[int, list[Scalar]]) -> bool:
        return all(number in values or self._may_lack(alternative, number) for number in self._fields_of[alternative])

    def _is_consistent(self, document: dict[str, Any], alternative: int, values: dict[int, list[Scalar]]) -> bool:
        def satisfied(number: int, value: Scalar) -> bool:
            return bool(self._tables[number][value] >> alternative & 1)

        wanted = {number: self._steps[number] for number in self._fields_of[alternative] if number in values}
        return Consistency(satisfied).holds(document, wanted)
