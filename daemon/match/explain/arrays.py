"""Says which fields of an alternative hold only in different elements of an array.

Asks ambiguity.py, which is right for any event, first about all fields, then about fewer and fewer, so that only those
are named that cannot hold together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from daemon.match.eventbridge.ambiguity import Budget, is_consistent
from daemon.match.explain.values import Asked, Value, Way, written
from daemon.match.text import cut

_MOST_ELEMENTS: Final = 3
_MOST_STEPS: Final = 10_000_000
"""A few seconds: here somebody waits for one event."""


def agree(asked: Sequence[Asked]) -> bool:
    """Tell whether conditions on fields that are there hold together, array by array; may raise DecodeError."""
    conditions = [(each.condition.steps, each.holds_for) for each in asked]
    return is_consistent(_skeleton(asked), conditions, Budget(_MOST_STEPS))


def _skeleton(asked: Sequence[Asked]) -> dict[str, Any]:
    """Return the event less everything that satisfies nothing: often a few elements of arrays of thousands."""
    root: dict[str, Any] = {}
    parts: dict[Way, Any] = {(): root}
    for value in (value for each in asked for value in each.holding):
        for depth, name in enumerate(value.way):
            here, around = value.way[: depth + 1], parts[value.way[:depth]]
            if here in parts:
                continue
            is_last = depth + 1 == len(value.way)
            part: Any = value.value if is_last else [] if isinstance(value.way[depth + 1], int) else {}
            parts[here] = part
            if isinstance(around, list):
                around.append(part)
            else:
                around[name] = part
    return root


def disagreement(asked: Sequence[Asked]) -> str:
    """Return a sentence about conditions that each hold but do not agree."""
    apart = list(asked)
    for each in asked:
        fewer = [other for other in apart if other is not each]
        if not agree(fewer):
            apart = fewer
    arrays = [{array for value in each.holding for array in _arrays(value.way)} for each in apart]
    array = max(set.intersection(*arrays) or set.union(*arrays), key=len)
    elements = ", ".join(f"{each.condition.path} in {_elements(each.holding, array)}" for each in apart)
    names = " and ".join(dict.fromkeys(each.condition.path for each in apart))
    return cut(f"{names} hold, but not in one element of {written(array)}") + ": " + cut(elements)


def _arrays(way: Way) -> list[Way]:
    """Return the arrays on a way."""
    return [way[:at] for at, part in enumerate(way) if isinstance(part, int)]


def _elements(values: Sequence[Value], array: Way) -> str:
    """Return the elements of an array in which a field holds."""
    found = dict.fromkeys(written(value.way[: len(array) + 1]) for value in values if value.way[: len(array)] == array)
    shown = ", ".join(list(found)[:_MOST_ELEMENTS])
    return shown if len(found) <= _MOST_ELEMENTS else f"{shown} and {len(found) - _MOST_ELEMENTS} more"
