"""A second, plain reading of the EventBridge rules: no index, no compilation, exponential where that is simplest.

Written from AWS's page on event patterns and from what event-ruler does: the event is flattened into fields, each with
its way through arrays; an alternative matches if one value of each of its fields can be chosen so that no two of them
come from different elements of one array.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any, NamedTuple


class Leaf(NamedTuple):
    """A value of the event: its path, and for each array on the way the element it belongs to."""

    path: str
    value: Any
    elements: dict[int, int]


def leaves(event: str) -> list[Leaf]:
    """Flatten an event given as JSON text."""
    found: list[Leaf] = []
    arrays = 0

    def walk(value: Any, names: tuple[str, ...], elements: dict[int, int]) -> None:
        nonlocal arrays
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, (*names, name), elements)
        elif isinstance(value, list):
            array, arrays = arrays, arrays + 1
            for index, inner in enumerate(value):
                walk(inner, names, {**elements, array: index} if isinstance(inner, dict | list) else elements)
        else:
            found.append(Leaf(".".join(names), value, elements))

    walk(json.loads(event, parse_float=Decimal, parse_int=Decimal), (), {})
    return found


Requirement = tuple[str, list[Any]]


def alternatives(pattern: dict[str, Any], prefix: str = "") -> Iterator[list[Requirement]]:
    """Yield what a pattern asks for, with each `$or` decided in one way."""
    fields: dict[str, list[Any]] = {}
    choices: list[list[list[Requirement]]] = []

    def read(level: dict[str, Any], prefix: str) -> None:
        for name, value in level.items():
            if name == "$or":
                choices.append([alternative for option in value for alternative in alternatives(option, prefix)])
            elif isinstance(value, dict):
                read(value, prefix + name + ".")
            else:
                fields[prefix + name] = value

    read(pattern, prefix)
    for choice in product(*choices):
        yield [*fields.items(), *(requirement for requirements in choice for requirement in requirements)]


def matches(pattern: dict[str, Any], event: str) -> bool:
    """Tell whether a parsed pattern, known to be valid, matches an event given as JSON text."""
    fields: dict[str, list[Leaf]] = {}
    for leaf in leaves(event):
        fields.setdefault(leaf.path, []).append(leaf)
    return any(_satisfiable(requirements, fields, {}) for requirements in alternatives(pattern))


def _satisfiable(requirements: list[Requirement], fields: dict[str, list[Leaf]], taken: dict[int, int]) -> bool:
    if not requirements:
        return True
    (path, tests), *others = requirements
    if path not in fields:
        return {"exists": False} in tests and _satisfiable(others, fields, taken)
    return any(
        any(holds(test, leaf.value) for test in tests)
        and all(taken.get(array, index) == index for array, index in leaf.elements.items())
        and _satisfiable(others, fields, taken | leaf.elements)
        for leaf in fields[path]
    )


def holds(test: Any, value: Any) -> bool:
    """Tell whether one element of a field's array holds for a value that is there."""
    if not isinstance(test, dict):
        return _equal(test, value)
    ((operator, operand),) = test.items()
    if operator == "exists":
        return bool(operand)
    if operator == "anything-but":
        return not _excluded(operand, value)
    if operator == "exactly":
        return bool(operand == value)
    if operator == "numeric":
        return isinstance(value, Decimal) and _in_range(operand, value)
    return isinstance(value, str) and _string_holds(operator, operand, value)


def _equal(test: Any, value: Any) -> bool:
    if isinstance(test, str) and isinstance(value, str):
        return test == value or (_address(test) is not None and _address(test) == _address(value))
    if isinstance(test, int | float) and not isinstance(test, bool):
        return isinstance(value, Decimal) and value == Decimal(str(test))
    return type(test) is type(value) and bool(test == value)


def _excluded(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        ((operator, inner),) = operand.items()
        return any(holds({operator: one}, value) for one in (inner if isinstance(inner, list) else [inner]))
    return any(
        one == value if isinstance(one, str) else _equal(one, value)
        for one in (operand if isinstance(operand, list) else [operand])
    )


def _in_range(operand: list[Any], value: Decimal) -> bool:
    compare = {
        "=": Decimal.__eq__,
        "<": Decimal.__lt__,
        "<=": Decimal.__le__,
        ">": Decimal.__gt__,
        ">=": Decimal.__ge__,
    }
    pairs = zip(operand[::2], operand[1::2], strict=True)
    return all(compare[sign](value, Decimal(str(bound))) for sign, bound in pairs)


def _string_holds(operator: str, operand: Any, value: str) -> bool:
    if operator == "cidr":
        address, block = _address(value), ipaddress.ip_network(operand, strict=False)
        return address is not None and address.version == block.version and address in block
    anchors = {"prefix": ("", ".*"), "suffix": (".*", ""), "equals-ignore-case": ("", ""), "wildcard": ("", "")}
    before, after = anchors[operator]
    if operator == "wildcard":
        middle = re.sub(
            r"\\(.)|(\*)|(.)", lambda m: ".*" if m[2] else re.escape(m[1] or m[3]), operand, flags=re.DOTALL
        )
    elif operator == "equals-ignore-case" or isinstance(operand, dict):
        text = operand if isinstance(operand, str) else operand["equals-ignore-case"]
        middle = "".join(f"(?:{'|'.join(map(re.escape, (c, c.lower(), c.upper())))})" for c in text)
    else:
        middle = re.escape(operand)
    return re.fullmatch(before + middle + after, value, re.DOTALL) is not None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if ":" in text and "." in text:
        return None
    try:
        address = ipaddress.ip_address(re.sub(r"(?<![0-9])0+(?=[0-9])", "", text) if "." in text else text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
