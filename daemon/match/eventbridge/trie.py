"""Fields by their steps, to be walked along with an event.

whole.py has one for all fields of a rule set, explain/ for those of a rule; consistency.py and ambiguity.py make small
ones of the fields below arrays.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

Steps: TypeAlias = tuple[str, ...]


Asked = TypeVar("Asked")


@dataclass(slots=True, eq=False)
class Trie(Generic[Asked]):
    """Where some steps lead: perhaps to a field, perhaps further."""

    children: dict[str, Trie[Asked]] = dataclasses.field(default_factory=dict)
    field: Steps | None = None
    """The field that ends here."""
    asked: list[tuple[Asked, int]] = dataclasses.field(default_factory=list)
    """What is asked of that field, each with what is concerned by it: alternatives or conditions, as bits."""
    below: int = 0
    """Whatever is concerned further down."""
    concerned: int = 0
    """Whatever is concerned here or further down."""
    unions: list[list[int]] = dataclasses.field(default_factory=list)
    """Row by row: what each 1, 2, 4, ... children in a row concern; filled in when it is first asked for."""
    places: dict[str, int] = dataclasses.field(default_factory=dict)
    """Where each child stands in those rows."""

    def add(self, steps: Steps, asked: Asked | None = None, concerned: int = 0) -> None:
        """File a field, and perhaps what is asked of it."""
        node = self
        for step in steps:
            node.below |= concerned
            node.concerned |= concerned
            node = node.children.setdefault(step, Trie())
        node.concerned |= concerned
        node.field = steps
        if asked is not None:
            node.asked.append((asked, concerned))

    def follow(self, name: str) -> Trie[Asked] | None:
        """Return where an event's name leads; a name with dots is several steps."""
        child = self.children.get(name)
        if child is not None or "." not in name:
            return child
        node: Trie[Asked] | None = self
        for step in name.split("."):
            node = node.children.get(step) if node else None
        return node

    def missing_beside(self, names: Collection[str]) -> int:
        """Return whatever is concerned by fields further down that none of an object's `names` leads to."""
        if not any("." in name for name in names):
            return self._beside(names)
        present: dict[Trie[Asked], set[str]] = {self: set()}
        reached = set()
        for name in names:
            node = self
            for step in name.split("."):
                present.setdefault(node, set()).add(step)
                node = node.children[step]
            reached.add(node)
        missing = 0
        for node in present.keys() - reached:
            missing |= node._beside(present[node])  # noqa: SLF001 - of its own class
            if node is not self:
                for _, concerned in node.asked:
                    missing |= concerned
        return missing

    def _beside(self, present: Collection[str]) -> int:
        """Return whatever the other children concern; takes time by those that are present, not by the others."""
        if len(present) == len(self.children):
            return 0
        if not self.unions:
            self._unite()
        missing = start = 0
        for place in sorted([self.places[name] for name in present]):
            missing |= self._union(start, place)
            start = place + 1
        return missing | self._union(start, len(self.children))

    def _unite(self) -> None:
        row = [child.concerned for child in self.children.values()]
        width = 1
        while row:
            self.unions.append(row)
            row = [row[at] | row[at + width] for at in range(len(row) - width)]
            width *= 2
        self.places.update(zip(self.children, range(len(self.children)), strict=True))

    def _union(self, start: int, end: int) -> int:
        if start == end:
            return 0
        row = (end - start).bit_length() - 1
        return self.unions[row][start] | self.unions[row][end - (1 << row)]
