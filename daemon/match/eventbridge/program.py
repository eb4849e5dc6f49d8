"""Generates the function that matches an event: decode into the projected type, look each field up, intersect.

matcher.py calls `generate` once for each rule set.  The source holds nothing that comes from a pattern: fields and
types are numbered, the names of fields went into the type, values into the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, TypeAlias

import msgspec

from daemon.match.eventbridge.bits import numbers_of
from daemon.match.eventbridge.groups import Group, Steps
from daemon.match.eventbridge.projection import Node

Match: TypeAlias = Callable[[bytes], list[str]]
Names: TypeAlias = tuple[str, ...]

_BLOCK: Final = 4
"""Fields that are passed over together where nothing left looks at any of them."""

_TEMPLATE: Final = """\
def match(event):
 try:
  n = decode(event)
 except (ValueError, RecursionError):
  return fallback(event)
 found = nothing
 try:
{known}
 except (KeyError, TypeError):
  found = nothing
{tables}
 return names_of(found) if found else []
"""


def generate(
    root: Node,
    groups: Sequence[Group],
    spellings: Mapping[Steps, Names],
    names_of: Callable[[list[int]], list[str]],
    fallback: Match,
) -> Match:
    """Return a function from an event to the names of the rules that match it.

    `spellings` gives the names in `root` that lead to each field.  The alternatives found go to `names_of`, an event
    that cannot be decoded as `root` to `fallback`.
    """
    access = Access(root, spellings)
    constants: dict[str, Any] = {
        "decode": msgspec.json.Decoder(root.struct).decode,
        "fallback": fallback,
        "names_of": names_of,
        "nothing": (),
        "numbers_of": numbers_of,
    }
    if not groups:
        return lambda _: []
    known = _lines(groups, access, constants, "known")
    tables = _lines(groups, access, constants, "table")
    source = _TEMPLATE.format(known="\n".join(known), tables="\n".join(tables))
    match: Match = define("match", source, constants | access.constants)
    return match


def define(name: str, source: str, constants: dict[str, Any]) -> Any:
    """Compile a function whose global names are `constants`."""
    exec(compile(source, "<rule set>", "exec"), constants)  # noqa: S102 - our own templates and numbered names only
    return constants.pop(name)  # a function that its own names lead back to would need the garbage collector


def _lines(groups: Sequence[Group], access: Access, constants: dict[str, Any], tables: str) -> Iterator[str]:
    """Yield the lines that look values up in what tables know ("known") or in the tables themselves ("table")."""
    loaded: set[Names] = {()}
    for number, group in enumerate(groups):
        if group.combinations is not None and tables == "known":
            constants[f"combinations{number}"] = group.combinations
            for steps, _ in group.fields:
                yield from access.load(steps, loaded, "  ")
            values = "".join(access.read(steps) + "," for steps, _ in group.fields)
            yield f"  hits = combinations{number}.get(({values}))"
            yield "  if hits: found = [*found, *hits]"
        else:
            yield from _table_lines(number, group, access, loaded, tables)
            for place, (_, table) in enumerate(group.fields):
                constants[f"{tables}{number}_{place}"] = table.known if tables == "known" else table
                constants[f"asked{number}_{place}"] = table.asked
            for place in range(1, len(group.fields), _BLOCK):
                asked = (table.asked for _, table in group.fields[place : place + _BLOCK])
                constants[f"asked{number}_from{place}"] = reduce(or_, asked)
            constants[f"alternatives{number}"] = group.alternatives


def _table_lines(number: int, group: Group, access: Access, loaded: set[Names], tables: str) -> Iterator[str]:
    """Yield the first lookup, then the others in blocks: what none of those left looks at is passed over.

    It costs nothing then, and its value may be one never seen before.
    """
    (steps, _), *others = group.fields
    yield from access.load(steps, loaded, "  ")
    yield f"  m = {tables}{number}_0[{access.read(steps)}]"
    yield "  while m:"
    for place, (steps, _) in enumerate(others, start=1):
        if place % _BLOCK == 1:
            yield f"   if m & asked{number}_from{place}:"
            in_block = set(loaded)  # what is loaded in a block is loaded nowhere else
        yield from access.load(steps, in_block, "    ")
        yield f"    if m & asked{number}_{place}:"
        yield f"     m &= {tables}{number}_{place}[{access.read(steps)}]"
        yield "     if not m: break"
    yield f"   found = [*found, *numbers_of(m, alternatives{number})]"
    yield "   break"


class Access:
    """How generated lines get at fields of the decoded event, which they call `n`."""

    def __init__(self, root: Node, spellings: Mapping[Steps, Names]) -> None:
        self.constants: dict[str, Any] = {}
        """What the lines need besides."""
        self._root = root
        self._spellings = spellings
        self._variables: dict[Names, str] = {(): "n"}

    def load(self, steps: Steps, loaded: set[Names], indent: str) -> Iterator[str]:
        """Yield the lines that bring the objects around a field into variables, empty where the event has none.

        `loaded` has those that are there already, and gets the others.
        """
        around = self._spellings[steps][:-1]
        for end in range(1, len(around) + 1):
            names = around[:end]
            if names not in loaded:
                loaded.add(names)
                variable = self._variables.setdefault(names, f"n{len(self._variables)}")
                node = self._node(names)
                self.constants[f"type_{variable}"], self.constants[f"empty_{variable}"] = node.struct, node.struct()
                yield f"{indent}{variable} = {self._attribute(names)}"
                yield f"{indent}if type({variable}) is not type_{variable}: {variable} = empty_{variable}"

    def read(self, steps: Steps) -> str:
        """Return the expression for a field whose surroundings are loaded."""
        return self._attribute(self._spellings[steps])

    def _attribute(self, names: Names) -> str:
        return f"{self._variables[names[:-1]]}.{self._node(names[:-1]).attributes[names[-1]]}"

    def _node(self, names: Names) -> Node:
        node = self._root
        for name in names:
            node = node.children[name]
        return node
