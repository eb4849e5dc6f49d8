"""Collects what an event has in the fields of a pattern, with the place of each value, and tries the tests on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from daemon.errors import DecodeError, RejectReason
from daemon.match.eventbridge.document import undecoded
from daemon.match.eventbridge.operators import Exact, Exists, Scalar
from daemon.match.eventbridge.pattern import Condition
from daemon.match.eventbridge.trie import Steps, Trie
from daemon.match.text import cut

Way: TypeAlias = tuple[str | int, ...]
"""Names, and positions in arrays, from the event's root."""
Key: TypeAlias = tuple[bool, Scalar]
"""A value by which the same ones are found: whether it is true or false, and what it is."""


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar of the event."""

    way: Way
    value: Scalar

    @property
    def place(self) -> str:
        """The way in words: detail.items[0].x"""
        return written(self.way)


@dataclass(slots=True)
class Field:
    """What an event has under one path."""

    values: list[Value] = field(default_factory=list)
    objects: list[Way] = field(default_factory=list)
    """Where there is an object, which no test looks at."""
    empty_arrays: list[Way] = field(default_factory=list)
    by_value: dict[Key, list[Value]] = field(default_factory=dict)
    """The values again, those that are the same together."""


def written(way: Way) -> str:
    """Return a way in words."""
    return cut("".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in way).removeprefix("."))


def collect(document: dict[str, Any], fields: Iterable[Steps]) -> dict[Steps, Field]:
    """Return what the event has in each field, in its order; raise DecodeError where a value is not UTF-8."""
    root: Trie[None] = Trie()
    found = {steps: Field() for steps in fields}
    for steps in found:
        root.add(steps)
    pending: list[tuple[Any, Trie[None], Way]] = [(document, root, ())]
    while pending:
        value, node, way = pending.pop()
        here = found[node.field] if node.field is not None else None
        if isinstance(value, dict):
            if here:
                here.objects.append(way)
            following = [(inner, node.follow(name), (*way, name)) for name, inner in value.items()]
            pending += reversed([(inner, after, place) for inner, after, place in following if after])
        elif isinstance(value, list):
            if here and not value:
                here.empty_arrays.append(way)
            pending += reversed([(element, node, (*way, at)) for at, element in enumerate(value)])
        elif here:
            if isinstance(value, str) and undecoded(value):
                raise DecodeError(RejectReason.NOT_UTF8, "a field that the rule looks at is not UTF-8")
            here.values.append(Value(way, value))
            here.by_value.setdefault(_key(value), []).append(here.values[-1])
    return found


def _key(value: Scalar) -> Key:
    """Return the same for what is the same value: 1 and 1.0, but not true."""
    return isinstance(value, bool), value


class Asked:
    """A condition on an event; plain values are looked up, other tests tried once for each different value."""

    def __init__(self, condition: Condition, field: Field) -> None:
        self.condition = condition
        self.field = field
        plain = [test for test in condition.tests if isinstance(test, Exact) and test.address is None]
        self._plain = {_key(test.value) for test in plain}
        self._others = [test for test in condition.tests if not isinstance(test, Exact) or test.address]

    @cached_property
    def _holding(self) -> set[Key]:
        found = {key for key in self._plain if key in self.field.by_value}
        if self._others:
            found.update(key for key in self.field.by_value if any(test.holds(key[1]) for test in self._others))
        return found

    def holds_for(self, value: Scalar) -> bool:
        """Tell whether one of the tests holds for a value of the field."""
        return _key(value) in self._holding

    @cached_property
    def holding(self) -> list[Value]:
        """The values that one of the tests holds for, those that are the same beside each other."""
        return [value for key, values in self.field.by_value.items() if key in self._holding for value in values]

    @property
    def holds(self) -> bool:
        """Whether the condition holds, other fields aside."""
        return bool(self._holding) if self.field.values else Exists(wanted=False) in self.condition.tests
