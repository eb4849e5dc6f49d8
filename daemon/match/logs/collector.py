"""Writes the function that looks at every watched field of a document: the inner loop of a set of JSON patterns.

matchers.py asks for it once for each set.  Straight Python, written out, takes half the time of a loop over the fields.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from daemon.match.logs.document import MISSING, Document, Projection, Steps
from daemon.match.logs.syntax import Each

Collect = Callable[[Document], list[int]]


class Watch(Protocol):
    """Finds the filters that wait for a value; all of these return None or nothing if there are none."""

    @property
    def texts(self) -> Mapping[str, list[int]] | None:
        """By the text, where each waits for one text; None where looking up is not enough."""

    def find(self, value: object) -> list[int] | None:
        """Return the filters that wait for any value."""

    def __getitem__(self, value: object) -> list[int]:
        """As find, but remember; raises TypeError for an object or an array."""


def document_collectors(watches: Mapping[Steps, Watch], projection: Projection) -> tuple[Collect, Collect]:
    """Return two functions that list the filters that wait for what a document has, a quick and a careful one.

    The quick one raises TypeError for documents with an object or an array where a scalar is looked for.  The source
    holds nothing but attributes that the projection made up, and numbered names: no text of a pattern.
    """
    return (
        _function(watches, projection, is_careful=False),
        _function(watches, projection, is_careful=True),
    )


def _function(watches: Mapping[Steps, Watch], projection: Projection, *, is_careful: bool) -> Collect:
    writer = _Writer(projection, is_careful)
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

    def __init__(self, projection: Projection, is_careful: bool) -> None:  # noqa: FBT001
        self._projection = projection
        self._is_careful = is_careful
        self._lines = ["def collect(document):", " woken = []"]
        self._namespace: dict[str, Any] = {"MISSING": MISSING}

    def _named(self, thing: object) -> str:
        name = f"x{len(self._namespace)}"
        self._namespace[name] = thing
        return name

    def look_into(self, parents: tuple[str, ...], fields: list[tuple[str, Watch]]) -> None:
        """Write the look at several fields of one object."""
        indent = " "
        self._lines.append(" inner = document")
        for end, parent in enumerate(parents, start=1):
            struct = self._named(self._projection.struct(parents[:end]))
            self._lines += [f"{indent}inner = inner.{parent}", f"{indent}if type(inner) is {struct}:"]
            indent += " "
        for attribute, watch in fields:
            self._look(indent, f"inner.{attribute}", watch)

    def look_apart(self, steps: Steps, watch: Watch) -> None:
        """Write the look at values that attributes do not lead to."""
        if any(isinstance(step, Each) for step in steps):
            self._lines.append(f" for value in {self._named(self._projection.all_reader(steps))}(document):")
            self._look("  ", "value", watch)
        else:
            self._look(" ", f"{self._named(self._projection.reader(steps))}(document)", watch)

    def _look(self, indent: str, value: str, watch: Watch) -> None:
        find = self._named(watch.find)
        if self._is_careful:
            lines = [f"if found := {find}({value}): woken += found"]
        elif watch.texts is None:
            lines = [f"if found := {self._named(watch)}[{value}]: woken += found"]
        else:
            texts = self._named(watch.texts)
            lines = [
                f"value = {value}",
                f"if value in {texts}: woken += {texts}[value]",
                "elif type(value) is not str and value is not MISSING:",
                f" if found := {find}(value): woken += found",
            ]
        self._lines += [indent + line for line in lines]

    def function(self) -> Collect:
        """Compile what was written."""
        source = "\n".join([*self._lines, " return woken"])
        exec(source, self._namespace)  # noqa: S102 - the text is made here, of numbered names only
        collect: Collect = self._namespace.pop("collect")  # or it would need the garbage collector, as in program.py
        return collect
