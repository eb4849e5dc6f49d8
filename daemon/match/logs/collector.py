"""Writes the function that looks at every watched field of a document: the inner loop of a set of JSON patterns.

index.py asks for it once for each set.  Straight Python, written out, takes half the time of a loop over the fields.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from daemon.match.logs.document import MISSING, Document, Projection, Steps
from daemon.match.logs.syntax import Each


class Watch(Protocol):
    """Finds the filters that wait for a value; both return None or nothing if there are none."""

    def find_text(self, text: str) -> list[int] | None:
        """Return the filters that wait for a string."""

    def find_scalar(self, value: object) -> list[int] | None:
        """Return the filters that wait for any other value."""


def document_collector(watches: Mapping[Steps, Watch], projection: Projection) -> Callable[[Document], list[int]]:
    """Return a function that lists the filters that wait for what a document has.

    The source holds nothing but attributes that the projection made up, and numbered names: no text of a pattern.
    """
    writer = _Writer(projection)
    groups: defaultdict[tuple[str, ...], list[tuple[str, Watch]]] = defaultdict(list)
    for steps, watch in watches.items():
        attributes = projection.attributes(steps)
        if attributes is None:
            writer.look_apart(steps, watch)
        else:
            groups[tuple(attributes[:-1])].append((attributes[-1], watch))
    for parents, fields in groups.items():
        writer.look_into(parents, fields)
    return writer.function()


class _Writer:
    """Collects the lines of the function and what they refer to."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._lines = ["def collect(document):", " woken = []"]
        self._namespace: dict[str, Any] = {"MISSING": MISSING, "Struct": msgspec.Struct}

    def _named(self, thing: object) -> str:
        name = f"x{len(self._namespace)}"
        self._namespace[name] = thing
        return name

    def look_into(self, parents: tuple[str, ...], fields: list[tuple[str, Watch]]) -> None:
        """Write the look at several fields of one object."""
        indent = " "
        self._lines.append(" inner = document")
        for parent in parents:
            self._lines += [f"{indent}inner = inner.{parent}", f"{indent}if isinstance(inner, Struct):"]
            indent += " "
        for attribute, watch in fields:
            self._lines.append(f"{indent}value = inner.{attribute}")
            self._look(indent, watch)

    def look_apart(self, steps: Steps, watch: Watch) -> None:
        """Write the look at values that attributes do not lead to."""
        if any(isinstance(step, Each) for step in steps):
            self._lines.append(f" for value in {self._named(self._projection.all_reader(steps))}(document):")
            self._look("  ", watch)
        else:
            self._lines.append(f" value = {self._named(self._projection.reader(steps))}(document)")
            self._look(" ", watch)

    def _look(self, indent: str, watch: Watch) -> None:
        text, scalar = self._named(watch.find_text), self._named(watch.find_scalar)
        lines = (
            "if value is not MISSING:",
            f" found = {text}(value) if type(value) is str else {scalar}(value)",
            " if found: woken += found",
        )
        self._lines += [indent + line for line in lines]

    def function(self) -> Callable[[Document], list[int]]:
        """Compile what was written."""
        source = "\n".join([*self._lines, " return woken"])
        exec(source, self._namespace)  # noqa: S102 - the text is made here, of numbered names only
        collect: Callable[[Document], list[int]] = self._namespace["collect"]
        return collect
