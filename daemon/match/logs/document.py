"""A message read as a JSON document, and the values that selectors pick from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

import orjson

from daemon.match.logs.cursor import BLANKS
from daemon.match.logs.syntax import Each, Selector, Step

Document: TypeAlias = dict[str, Any]

MISSING: Final = object()
"""What a selector finds where the document has nothing."""

_MAX_INTEGER_CHARACTERS = 20


def parse_document(message: str) -> Document | None:
    """Return the object that the whole message spells, None if it is anything else; never raises.

    Of two fields with one name the last counts.  Nested deeper than Python's recursion limit, it is no document.
    """
    if not message.startswith("{") and not message.lstrip(BLANKS).startswith("{"):
        return None
    try:
        document = orjson.loads(message)
    except orjson.JSONDecodeError:
        document = _parse_patiently(message)
    return document if isinstance(document, dict) else None


def _parse_patiently(message: str) -> object:
    """Read what orjson refuses although it is JSON: lone surrogates, numbers beyond a double, more depth."""
    try:
        return json.loads(message, parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | float:
    """Return what orjson makes of these digits: a double beyond 64 bits."""
    if len(digits) > _MAX_INTEGER_CHARACTERS:
        return float(digits)
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are no JSON


def text_of(value: object) -> str | None:
    """Return a scalar as text (numbers in their shortest form), None for objects, arrays and MISSING."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else None


def reader(selector: Selector) -> Callable[[Document], list[Any]]:
    """Return a function that lists every value the selector picks from a document; absent ones are left out."""
    steps = selector.steps

    def read(document: Document) -> list[Any]:
        values: list[Any] = [document]
        for step in steps:
            values = _follow(values, step)
        return values

    return read


def _follow(values: list[Any], step: Step) -> list[Any]:
    if isinstance(step, str):
        return [value[step] for value in values if isinstance(value, dict) and step in value]
    if isinstance(step, int):
        return [value[step] for value in values if isinstance(value, list) and step < len(value)]
    if step is Each.FIELD:
        return [inner for value in values if isinstance(value, dict) for inner in value.values()]
    return [inner for value in values if isinstance(value, list) for inner in value]


def single_reader(selector: Selector) -> Callable[[Document], object]:
    """Return a function that picks the one value of a selector that does not fan out, or MISSING."""
    steps = selector.steps
    if len(steps) == 1:
        (name,) = steps
        return lambda document: document.get(name, MISSING)  # type: ignore[arg-type]

    def read(document: Document) -> object:
        value: object = document
        for step in steps:
            if isinstance(value, dict):
                value = value.get(step, MISSING)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return MISSING
        return value

    return read
