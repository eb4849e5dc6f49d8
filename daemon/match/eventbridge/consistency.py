"""Array consistency: the fields that satisfy one alternative must agree on every array they share.

Each value below an array belongs to one of its elements, and one alternative cannot mix values of two elements of the
same array.  As an event is a tree this needs no search through combinations: going down, each array must have one
element that satisfies all that is still wanted below it.  whole.py asks here for each alternative that matches
without regard to arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any, Final, TypeAlias

from daemon.match.eventbridge.operators import Scalar

MAX_ROUTES: Final = 256
"""How many ways of spreading fields over two spellings of their path are tried for one alternative and event.

Only an event that spells one path in two ways within one object, both leading to values that satisfy, needs more than
one; past the bound each field is settled for itself, which may let an alternative match that should not.
"""


Wanted: TypeAlias = dict[int, tuple[str, ...]]
"""Fields by number, with the steps that are left to them."""


class Consistency:
    """Settles one alternative on one event."""

    def __init__(self, satisfied: Callable[[int, Scalar], bool]) -> None:
        """Take a function that tells whether a value satisfies the condition on a field, given by its number."""
        self._satisfied = satisfied
        self._routes_left = MAX_ROUTES

    def holds(self, value: Any, wanted: Wanted) -> bool:
        """Tell whether the fields of `wanted` can all be satisfied below `value` in a consistent way."""
        pending = [(value, wanted)]
        while pending:
            value, wanted = pending.pop()
            if isinstance(value, list):
                direct = [element for element in value if not isinstance(element, list | dict)]
                left = {n: steps for n, steps in wanted.items() if steps or not self._any(n, direct)}
                if not left:
                    return True
                pending += [(element, left) for element in value if isinstance(element, list | dict)]
            elif isinstance(value, dict):
                if self._object_holds(value, wanted):
                    return True
            elif all(not steps and self._satisfied(n, value) for n, steps in wanted.items()):
                return True
        return False

    def _any(self, number: int, values: Sequence[Scalar]) -> bool:
        return any(self._satisfied(number, value) for value in values)

    def _object_holds(self, value: dict[str, Any], wanted: Wanted) -> bool:
        dotted = [name for name in value if "." in name]
        ways = {number: _ways(value, dotted, steps) for number, steps in wanted.items()}
        combinations = prod(map(len, ways.values()))
        if combinations > 1 and len(wanted) > 1:
            for number, names in ways.items():
                steps = wanted[number]
                ways[number] = [name for name in names if self.holds(value[name], {number: _rest(name, steps)})]
            combinations = prod(map(len, ways.values()))
            if combinations > self._routes_left:
                return True
            self._routes_left -= combinations
        return any(self._split_holds(value, wanted, names) for names in product(*ways.values()))

    def _split_holds(self, value: dict[str, Any], wanted: Wanted, names: Sequence[str]) -> bool:
        parts: dict[str, Wanted] = {}
        for (number, steps), name in zip(wanted.items(), names, strict=True):
            parts.setdefault(name, {})[number] = _rest(name, steps)
        return all(self.holds(value[name], part) for name, part in parts.items())


def _ways(value: dict[str, Any], dotted: list[str], steps: tuple[str, ...]) -> list[str]:
    """Return the names in an object that lead on to a field."""
    ways = [name for name in dotted if steps[: name.count(".") + 1] == tuple(name.split("."))]
    if steps and steps[0] in value:
        ways.append(steps[0])
    return ways


def _rest(name: str, steps: tuple[str, ...]) -> tuple[str, ...]:
    return steps[name.count(".") + 1 :]
