"""What a comparison means for one value: a field of a line, or a scalar of a JSON document.

evaluate.py builds a test once for each comparison of a pattern and calls it for each message.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from daemon.match.logs.automaton import compile_search, encodable
from daemon.match.logs.cursor import parse_number
from daemon.match.logs.syntax import Comparison, Number, Operand, Operator, Regex, Text

TextTest: TypeAlias = Callable[[str], bool]

_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        Operator.EQ: operator.eq,
        Operator.NE: operator.ne,
        Operator.GT: operator.gt,
        Operator.LT: operator.lt,
        Operator.GE: operator.ge,
        Operator.LE: operator.le,
    }
)


def field_test(comparison: Comparison) -> TextTest:
    """Return the test of a space-delimited field: = and != compare text, the ordering operators need a number."""
    if not comparison.operator.is_ordering:
        return _signed(comparison.operator, equals(comparison.operand))
    compare = _COMPARE[comparison.operator]
    bound = comparison.number

    def in_order(text: str) -> bool:
        number = parse_number(text)
        return number is not None and compare(number, bound)

    return in_order


def scalar_test(comparison: Comparison) -> Callable[[object], bool]:
    """Return the test of a JSON value.

    Two numbers compare by value, anything else by its text; an object, an array or MISSING makes every test false.
    """
    compare = _COMPARE[comparison.operator]
    bound = comparison.number
    by_text = None if comparison.operator.is_ordering else _signed(comparison.operator, equals(comparison.operand))

    def test(value: object) -> bool:
        if bound is not None and (type(value) is int or type(value) is float):
            return compare(value, bound)
        if by_text is None:
            return False
        text = value if type(value) is str else text_of(value)
        return text is not None and by_text(text)

    return test


def equals(operand: Operand) -> TextTest:
    """Return the test of a text against a string, a number as it is written, or a regular expression."""
    match operand:
        case Regex(expression=expression):
            return search(expression)
        case Number(text=text) | Text(pieces=(text,)):
            return text.__eq__
        case Text(pieces=pieces):
            return _wildcard(pieces)


def contains(wanted: str) -> TextTest:
    """Return the test whether a text holds a string."""
    return lambda text: wanted in text


def search(expression: str) -> TextTest:
    """Return the test whether a text holds a match of a regular expression."""
    found = compile_search((expression,))
    return lambda text: found(encodable(text))


def text_of(value: object) -> str | None:
    """Return a scalar as text (numbers in Python's shortest form), None for objects, arrays and MISSING."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else None


def _signed(sign: Operator, test: TextTest) -> TextTest:
    return test if sign is Operator.EQ else lambda text: not test(text)


def _wildcard(pieces: tuple[str, ...]) -> TextTest:
    """Return a test that finds each piece at the first place behind the one before: linear, and as good as any."""
    head, *middle, tail = pieces
    if not head and not tail and len(middle) == 1:
        return contains(middle[0])
    shortest = len(head) + len(tail)

    def test(text: str) -> bool:
        if len(text) < shortest or not (text.startswith(head) and text.endswith(tail)):
            return False
        position = len(head)
        end = len(text) - len(tail)
        for piece in middle:
            position = text.find(piece, position, end)
            if position < 0:
                return False
            position += len(piece)
        return True

    return test
