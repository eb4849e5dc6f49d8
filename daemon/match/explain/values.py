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
    return found


class Asked:
    """A condition on an event; each value is tried once, however many alternatives and elements bring it up."""

    def __init__(self, condition: Condition, field: Field) -> None:
        self.condition = condition
        self.field = field
        plain = [test for test in condition.tests if isinstance(test, Exact) and not test.address]
        self._texts = {test.value for test in plain if isinstance(test.value, str)}
        self._others = [test for test in condition.tests if not (isinstance(test, Exact) and test.value in self._texts)]
        self._tried: dict[tuple[type, Scalar], bool] = {}

    def holds_for(self, value: Scalar) -> bool:
        """Tell whether one of the tests holds for a value."""
        if value in self._texts:
            return True
        key = type(value), value
        if key not in self._tried:
            self._tried[key] = any(test.holds(value) for test in self._others)
        return self._tried[key]

    @cached_property
    def holding(self) -> list[Value]:
        """The values that one of the tests holds for."""
        return [value for value in self.field.values if self.holds_for(value.value)]

    @cached_property
    def holds(self) -> bool:
        """Whether the condition holds, other fields aside."""
        return bool(self.holding) if self.field.values else Exists(wanted=False) in self.condition.tests
