"""Reads an event pattern into alternatives: each is a list of conditions that must all hold, any one alternative does.

matcher.py compiles them, explain.py and lint.py read them.  A field named twice on one level counts as last written,
as in event-ruler; a field named beside `$or` and inside it must satisfy both, as AWS documents it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from daemon.errors import PatternError
from daemon.match.eventbridge.expressions import JsonObject, members, parse_test, read_fraction
from daemon.match.eventbridge.operators import AnythingBut, Test
from daemon.match.eventbridge.places import line_of, member
from daemon.near_miss import comes_near

MAX_ALTERNATIVES: Final = 1_000
"""EventBridge refuses a rule whose `$or` make more combinations."""
MAX_FIELDS: Final = 256
"""event-ruler refuses more fields in one alternative (GenericMachine.MAXIMUM_RULE_SIZE)."""
MAX_PARTS: Final = 600_000
"""Objects, values and match expressions; a bound of ours, as many as there can be in a megabyte of text.  A pattern
that was parsed elsewhere may use one object many times over, and be far larger than it looks."""
MAX_DEPTH: Final = 200
"""Objects inside objects; a bound of ours, far above what fits into EventBridge's 4,096 characters sensibly."""

_MOST_SHOWN_CHARACTERS: Final = 64
_RESERVED_IN_OR: Final = frozenset(
    (
        *("exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr"),
        *("=", "<", "<=", ">", ">=", "html", "regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    )
)
"""Field names that event-ruler refuses inside `$or`, because a user who writes them means an operator."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One field and its tests, of which one must hold."""

    names: tuple[str, ...]
    """The names on the way to the field, as the pattern spells them."""
    tests: tuple[Test, ...]
    place: str
    """JSON path of the field's array in the pattern."""

    @property
    def path(self) -> str:
        """The names joined with dots: fields of the same path are the same field."""
        return ".".join(self.names)

    @property
    def steps(self) -> tuple[str, ...]:
        """The path taken apart at its dots."""
        return tuple(self.path.split("."))


Alternative = tuple[Condition, ...]


@dataclass(slots=True)
class Group:
    """Conditions and choices that must all hold; of a choice, one group must."""

    conditions: dict[str, Condition] = field(default_factory=dict)
    choices: list[tuple[str, list[Group]]] = field(default_factory=list)
    """JSON path and groups of each `$or`."""

    combinations: int = 1
    """How many alternatives the choices multiply out to, at most MAX_ALTERNATIVES."""

    def alternatives(self) -> list[Alternative]:
        """Multiply the choices out."""
        found: list[Alternative] = [tuple(self.conditions.values())]
        for _, groups in self.choices:
            options = [option for group in groups for option in group.alternatives()]
            found = [known + option for known in found for option in options]
        return found


def parse_pattern(source: str | Mapping[str, object]) -> list[Alternative]:
    """Read a pattern given as JSON text or as parsed JSON; raise PatternError where EventBridge would refuse it."""
    with _naming_line(source):
        alternatives = parse_groups(source).alternatives()
        for alternative in alternatives:
            if len(alternative) > MAX_FIELDS and len({condition.path for condition in alternative}) > MAX_FIELDS:
                raise PatternError("$", f"more than {MAX_FIELDS} fields")
        sizes = {id(condition): _size(condition) for alternative in alternatives for condition in alternative}
        if sum(sizes[id(condition)] for alternative in alternatives for condition in alternative) > MAX_PARTS:
            raise PatternError("$", f"more than {MAX_PARTS} values and match expressions in all its alternatives")
        return alternatives


def parse_groups(source: str | Mapping[str, object]) -> Group:
    """Read a pattern without multiplying its choices out; raise PatternError where EventBridge would refuse it."""
    with _naming_line(source):
        document = _load(source) if isinstance(source, str) else source
        found = members(document)
        if found is None:
            raise PatternError("$", "a pattern must be a JSON object")
        root = Group()
        _Reader().read(document, (), "$", root)
        return root


@contextmanager
def _naming_line(source: str | Mapping[str, object]) -> Iterator[None]:
    """Add the line to an error about a pattern given as text; only here is it worth looking for."""
    try:
        yield
    except PatternError as error:
        if not isinstance(source, str) or error.line is not None:
            raise
        raise PatternError(error.path, error.reason, line_of(source, error.path)) from None


class _Reader:
    """Walks through a pattern's objects."""

    def __init__(self) -> None:
        self._parts_left = MAX_PARTS
        self._depth = 0
        self._inside_or = 0

    def read(self, value: object, names: tuple[str, ...], place: str, group: Group) -> None:
        """Add what the object `value` asks for to `group`."""
        found = members(value)
        if not found:
            raise PatternError(place, "an empty object is not allowed" if found is not None else "must be an object")
        if self._depth == MAX_DEPTH:
            raise PatternError(place, f"nested deeper than {MAX_DEPTH} objects")
        self._spend(1, place)
        self._depth += 1
        for name, inner in found:
            if not isinstance(name, str):
                raise PatternError(place, f"a field name must be a string, not {name!r}")
            inner_place = member(place, name)
            if name == "$or":
                self._read_choice(inner, names, inner_place, group)
            elif self._inside_or and name in _RESERVED_IN_OR:
                raise PatternError(inner_place, "an operator's name cannot be a field inside $or")
            elif members(inner) is not None:
                self.read(inner, (*names, name), inner_place, group)
            elif isinstance(inner, list):
                self._spend(len(inner), inner_place)
                with _hint_at_or(name, inner):
                    condition = _condition(inner, (*names, name), inner_place)
                self._spend(_size(condition) - len(inner), inner_place)
                group.conditions.pop(condition.path, None)
                group.conditions[condition.path] = condition
                if len(group.conditions) > MAX_FIELDS:
                    raise PatternError(inner_place, f"more than {MAX_FIELDS} fields")
            else:
                short = isinstance(inner, str) and len(inner) <= _MOST_SHOWN_CHARACTERS
                hint = f": write [{json.dumps(inner)}]" if short else ""
                raise PatternError(inner_place, f"must be an object or an array{hint}")
        self._depth -= 1

    def _read_choice(self, value: object, names: tuple[str, ...], place: str, group: Group) -> None:
        if not isinstance(value, list):
            raise PatternError(place, "must be an array of objects")
        self._inside_or += 1
        groups, combinations = [], 0
        for at, option in enumerate(value):
            groups.append(Group())
            self.read(option, names, f"{place}[{at}]", groups[-1])
            combinations += groups[-1].combinations
            if combinations * group.combinations > MAX_ALTERNATIVES:
                raise PatternError(place, f"more than {MAX_ALTERNATIVES} combinations of alternatives")
        self._inside_or -= 1
        if len(groups) < 2:
            raise PatternError(place, "must have at least two alternatives")
        group.combinations *= combinations
        group.choices.append((place, groups))

    def _spend(self, parts: int, place: str) -> None:
        self._parts_left -= parts
        if self._parts_left < 0:
            raise PatternError(place, f"more than {MAX_PARTS} objects, values and match expressions")


@contextmanager
def _hint_at_or(name: str, values: list[object]) -> Iterator[None]:
    """Say of objects that are no match expressions that `$or` is meant, where the field's name comes near it."""
    try:
        yield
    except PatternError as error:
        if not comes_near(name, "$or") or any(members(value) is None for value in values):
            raise
        raise PatternError(error.path, f"{error.reason.partition(';')[0]}; is {name!r} meant to be '$or'?") from None


def _size(condition: Condition) -> int:
    excluded = sum(len(test.excluded) for test in condition.tests if isinstance(test, AnythingBut))
    return len(condition.tests) + excluded


def _condition(values: list[object], names: tuple[str, ...], place: str) -> Condition:
    if not values:
        raise PatternError(place, "an empty array is not allowed")
    return Condition(names, tuple(parse_test(value, f"{place}[{at}]") for at, value in enumerate(values)), place)


def _load(text: str) -> object:
    """Parse JSON, keeping repeated names; event-ruler too takes them one after the other."""
    try:
        return json.loads(
            text,
            object_pairs_hook=JsonObject,
            parse_float=read_fraction,
            parse_int=lambda digits: int(digits) if len(digits) < 400 else float(digits),
            parse_constant=_NoValue,
        )
    except RecursionError:
        raise PatternError("$", "nested too deeply", 1) from None
    except json.JSONDecodeError as error:
        raise PatternError("$", f"not JSON: {error.msg} at column {error.colno}", error.lineno) from None
    except ValueError as error:
        raise PatternError("$", f"not JSON: {error}", 1) from None


@dataclass(frozen=True, slots=True)
class _NoValue:
    """NaN or Infinity: no JSON, and refused where it stands, as nothing takes a value of this type."""

    name: str
