"""Generates the function that matches an event: decode into the projected type, look each field up, intersect.

matcher.py calls `generate` once for each rule set.  The source holds nothing that comes from a pattern: fields and
types are named by number, names of fields went into the type, values into the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from daemon.match.eventbridge.projection import Node
from daemon.match.eventbridge.table import FieldTable

Match: TypeAlias = Callable[[bytes], list[str]]


def generate(
    root: Node,
    fields: Sequence[tuple[tuple[str, ...], FieldTable]],
    names_of: Callable[[int], list[str]],
    fallback: Match,
) -> Match:
    """Return a function from an event to the names of the rules that match it.

    `fields` gives the names on the way to each field, and its table; all alternatives that every table lets through
    go to `names_of`, events that cannot be decoded as `root` to `fallback`.
    """
    constants: dict[str, Any] = {
        "decode": msgspec.json.Decoder(root.struct).decode,
        "names_of": names_of,
        "fallback": fallback,
    }
    lines = [
        "def match(event):",
        "    try:",
        "        n = decode(event)",
        "    except (ValueError, RecursionError):",
        "        return fallback(event)",
    ]
    matched = None
    loaded: dict[tuple[str, ...], str] = {(): "n"}
    for number, (names, table) in enumerate(fields):
        node, variable = _load(root, names[:-1], loaded, lines, constants)
        constants[f"t{number}"] = table
        found = f"t{number}[{variable}.{node.attributes[names[-1]]}]"
        lines.append(f"    m = {found}" if matched is None else f"    m &= {found}")
        lines.append("    if not m: return []")
        matched = "m"
    lines.append("    return names_of(m)" if matched else "    return []")
    exec(compile("\n".join(lines), "<rule set>", "exec"), constants)  # noqa: S102 - numbers only, see above
    generated: Match = constants["match"]
    return generated


def _load(
    root: Node, names: tuple[str, ...], loaded: dict[tuple[str, ...], str], lines: list[str], constants: dict[str, Any]
) -> tuple[Node, str]:
    """Add the lines that bring the object at `names` into a variable, an empty one where the event has no object."""
    node = root
    for depth, name in enumerate(names):
        here, above = names[: depth + 1], loaded[names[:depth]]
        attribute = node.attributes[name]
        node = node.children[name]
        if here not in loaded:
            number = len(loaded)
            loaded[here] = f"n{number}"
            constants[f"type{number}"], constants[f"empty{number}"] = node.struct, node.struct()
            lines.append(f"    n{number} = {above}.{attribute}")
            lines.append(f"    if n{number}.__class__ is not type{number}: n{number} = empty{number}")
    return node, loaded[names]
