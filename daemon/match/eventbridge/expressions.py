"""Reads what stands in a field's array: values and match expressions such as {"prefix": "ec2"}.

pattern.py calls `parse_test` for each element.  What is refused, and in which order, follows aws/event-ruler's
JsonRuleCompiler, so that a pattern passes here exactly if EventBridge accepts it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from daemon.errors import PatternError
from daemon.match.eventbridge.addresses import parse_block
from daemon.match.eventbridge.casing import Side
from daemon.match.eventbridge.operators import (
    Affix,
    AnythingBut,
    Between,
    Exact,
    Exists,
    InBlock,
    Test,
    Wildcard,
)
from daemon.near_miss import near_miss

_ALL_IN_A_DOUBLE: Final = 2**53
"""Up to here a double holds every integer."""

_FIRST_INFINITE: Final = 10**399
"""Integers of so many digits are read as infinite, in events (document.py) as in patterns given as text."""


class JsonObject(tuple[tuple[object, object], ...]):
    """The members of a JSON object in their order, repeated names included."""

    __slots__ = ()


class Rounded(float):
    """A number whose text has more digits than a double holds."""

    __slots__ = ()


def read_fraction(text: str) -> float:
    """Read a JSON number that is no integer, for `json.loads`."""
    number = float(text)
    return number if _is_exact(text, number) else Rounded(number)


def _is_exact(text: str | int, number: float) -> bool:
    """Tell whether a double's shortest text is as much as `text`, which is event-ruler's test for a number."""
    try:
        return math.isfinite(number) and Decimal(text) == Decimal(repr(number))
    except ArithmeticError:  # An exponent beyond what even Decimal holds.
        return False


_MOST_COMPARED_CHARACTERS: Final = 64
"""Of an operator's name with those there are."""


def members(value: object) -> Sequence[tuple[object, object]] | None:
    """Return the members of an object; None if `value` is none."""
    if isinstance(value, JsonObject):
        return value
    return list(value.items()) if isinstance(value, Mapping) else None


def parse_test(value: object, place: str) -> Test:
    """Read one element of a field's array; raise PatternError where EventBridge would refuse it."""
    if isinstance(value, str | bool | None):
        return Exact(value)
    if isinstance(value, int | float) and value == value:  # noqa: PLR0124 - false for NaN; math.isnan takes no large int
        return Exact(value if abs(value) < _FIRST_INFINITE else math.inf if value > 0 else -math.inf)
    found = members(value)
    if found is None:
        raise PatternError(place, "a match value must be a string, number, true, false, null or match expression")
    if not found:
        raise PatternError(place, "a match expression must name an operator")
    name, operand = found[0]
    parse = _OPERATORS.get(name) if isinstance(name, str) else None
    if parse is None:
        raise PatternError(
            place, f"unknown operator {name!r}{near_miss(str(name)[:_MOST_COMPARED_CHARACTERS], _OPERATORS)}"
        )
    test = parse(operand, f"{place}.{name}")
    if len(found) > 1:
        raise PatternError(place, "a match expression may have one operator only")
    return test


def _string(operand: object, place: str) -> str:
    if not isinstance(operand, str):
        raise PatternError(place, "the operand must be a string")
    return operand


def _sole_operand(operand: object, place: str, names: tuple[str, ...]) -> tuple[str, object]:
    """Return name and operand of an inner expression that may use one of `names`."""
    found = members(operand) or ()
    if not found or found[0][0] not in names:
        raise PatternError(place, f"the inner operator must be {' or '.join(names)}")
    if len(found) > 1:
        raise PatternError(place, "an inner expression may have one operator only")
    return str(found[0][0]), found[0][1]


def _exactly(operand: object, place: str) -> Exact:
    return Exact(_string(operand, place), verbatim=True)


def _affix(side: Side) -> Callable[[object, str], Affix]:
    def parse(operand: object, place: str) -> Affix:
        if members(operand) is None:
            return Affix(_string(operand, place), side)
        name, inner = _sole_operand(operand, place, ("equals-ignore-case",))
        return Affix(_string(inner, f"{place}.{name}"), side, ignore_case=True)

    return parse


def _equals_ignore_case(operand: object, place: str) -> Affix:
    return Affix(_string(operand, place), Side.WHOLE, ignore_case=True)


def _wildcard(operand: object, place: str) -> Wildcard:
    r"""Split at each `*`; `\*` and `\\` stand for the characters themselves."""
    pieces = [""]
    characters = enumerate(_string(operand, place))
    starred_at = -2
    for at, character in characters:
        if character == "*":
            if starred_at == at - 1:
                raise PatternError(place, f"two wildcards in a row at character {at}")
            starred_at = at
            pieces.append("")
        elif character == "\\":
            _, escaped = next(characters, (at, ""))
            if escaped not in ("*", "\\"):
                raise PatternError(place, f"a backslash must be followed by * or another backslash, at character {at}")
            pieces[-1] += escaped
        else:
            pieces[-1] += character
    return Wildcard(tuple(pieces))


def _cidr(operand: object, place: str) -> InBlock:
    text = _string(operand, place)
    try:
        return InBlock(parse_block(text), text)
    except ValueError as error:
        raise PatternError(place, str(error)) from None


def _exists(operand: object, place: str) -> Exists:
    if not isinstance(operand, bool):
        raise PatternError(place, "the operand must be true or false")
    return Exists(operand)


def _bound(operand: object, place: str) -> float:
    if not isinstance(operand, int | float) or isinstance(operand, bool) or operand != operand:  # noqa: PLR0124
        raise PatternError(place, "a bound must be a number")
    if not _is_comparable(operand):
        raise PatternError(place, "a number here must be one that a double holds, in size and in digits")
    return operand


def _is_comparable(number: float) -> bool:
    if isinstance(number, float):
        return math.isfinite(number) and not isinstance(number, Rounded)
    return abs(number) <= _ALL_IN_A_DOUBLE or (abs(number) < _FIRST_INFINITE and _is_exact(number, _double(number)))


def _double(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _numeric(operand: object, place: str) -> Exact | Between:
    if not isinstance(operand, list):
        raise PatternError(place, "the operand must be an array of comparisons and numbers")
    if not operand or operand[0] not in ("=", "<", "<=", ">", ">="):
        raise PatternError(f"{place}[0]", "a comparison must be one of = < <= > >=")
    sign = operand[0]
    first = _bound(operand[1] if len(operand) > 1 else None, f"{place}[1]")
    if len(operand) > (4 if sign in (">", ">=") else 2):
        raise PatternError(place, "too many elements: one comparison, or > or >= followed by < or <=")
    if sign == "=":
        return Exact(first)
    if sign in ("<", "<="):
        return Between(-math.inf, first, high_open=sign == "<")
    if len(operand) == 2:
        return Between(first, math.inf, low_open=sign == ">")
    if operand[2] not in ("<", "<="):
        raise PatternError(f"{place}[2]", "the second comparison must be < or <=")
    second = _bound(operand[3] if len(operand) > 3 else None, f"{place}[3]")
    if first >= second:
        raise PatternError(place, "the lower bound must be less than the upper bound")
    return Between(first, second, low_open=sign == ">", high_open=operand[2] == "<")


def _anything_but(operand: object, place: str) -> AnythingBut:
    if members(operand) is not None:
        name, inner = _sole_operand(operand, place, tuple(_EXCLUDABLE))
        place, values, parse = f"{place}.{name}", inner, _EXCLUDABLE[name]
    else:
        values, parse = operand, _excluded_value
    if isinstance(values, list):
        excluded = tuple(parse(value, f"{place}[{at}]") for at, value in enumerate(values))
    else:
        excluded = (parse(values, place),)
    if parse is _excluded_value and len({type(test.value) is str for test in excluded if isinstance(test, Exact)}) != 1:
        raise PatternError(place, "a list must hold either strings or numbers, and at least one")
    return AnythingBut(excluded)


def _excluded_value(value: object, place: str) -> Exact:
    if isinstance(value, str):
        return Exact(value, verbatim=True)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise PatternError(place, "only strings and numbers can be excluded")
    return Exact(_bound(value, place))


def _excluded_affix(side: Side) -> Callable[[object, str], Affix]:
    def parse(value: object, place: str) -> Affix:
        if value == "":
            raise PatternError(place, "an empty string would exclude every string")
        return Affix(_string(value, place), side)

    return parse


_EXCLUDABLE: Final[Mapping[str, Callable[[object, str], Exact | Affix | Wildcard]]] = {
    "prefix": _excluded_affix(Side.START),
    "suffix": _excluded_affix(Side.END),
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}

_OPERATORS: Final[Mapping[str, Callable[[object, str], Test]]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _equals_ignore_case,
    "exactly": _exactly,
    "exists": _exists,
    "numeric": _numeric,
    "prefix": _affix(Side.START),
    "suffix": _affix(Side.END),
    "wildcard": _wildcard,
}
