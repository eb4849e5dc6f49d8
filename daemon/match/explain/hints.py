"""Guesses what was meant where a field fails: a name or value of the event that comes close to what the rule says."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, Final

from daemon.match.eventbridge.casing import Side
from daemon.match.eventbridge.groups import Steps
from daemon.match.eventbridge.operators import (
    Affix,
    AnythingBut,
    Between,
    Exact,
    Exists,
    InBlock,
    Scalar,
    Test,
    Wildcard,
)
from daemon.match.eventbridge.pattern import Condition
from daemon.match.explain.values import Field, written
from daemon.match.text import cut, dotted, json_text

_MOST_NAMES: Final = 2_000
"""Fields of an event that are compared with a name that is not there."""
_MOST_PAIRS: Final = 200
"""Pairs of value and test that are looked at for one field."""
_MOST_HINTS: Final = 3
_MOST_COMPARED_CHARACTERS: Final = 200
_CLOSE: Final = 0.8
"""difflib's ratio of two words one of which is taken for a slip of the other."""


class Hints:
    """Hints about one event."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def of(self, condition: Condition, field: Field) -> tuple[str, ...]:
        """Return hints for a field that fails."""
        if field.values:
            pairs = ((value.value, test) for value in field.values for test in condition.tests)
            hints: Iterable[str | None] = (_about_value(*pair) for pair in islice(pairs, _MOST_PAIRS))
        else:
            hints = self._about_name(condition, field)
        return tuple(islice(dict.fromkeys(hint for hint in hints if hint), _MOST_HINTS))

    def _about_name(self, condition: Condition, field: Field) -> Iterator[str]:
        if field.objects:
            yield f"{written(field.objects[0])} is an object; tests look at the values inside it"
        elif field.empty_arrays:
            yield f"{written(field.empty_arrays[0])} is an empty array, which counts as no value"
        else:
            yield from self._nearby(condition.steps)
        if Exact(None) in condition.tests[:_MOST_PAIRS]:
            yield 'null asks for the value null; a field that is not there is {"exists": false}'

    def _nearby(self, steps: Steps) -> Iterator[str]:
        """Yield the event's fields that come close: other case, a slip, or another depth."""
        folded = tuple(step.casefold() for step in steps)
        cased = [names for names in self._names if tuple(name.casefold() for name in names) == folded]
        if cased:
            yield f"the event has {dotted(cased[0])}: names are compared with their case"
            return
        known = max((at for at in range(len(steps)) if steps[:at] in self._names), default=0)
        siblings = {names[known] for names in self._names if names[:known] == steps[:known] != names}
        siblings.discard(steps[known])
        close = difflib.get_close_matches(steps[known][:_MOST_COMPARED_CHARACTERS], siblings, n=1, cutoff=_CLOSE)
        if close:
            yield f"the event has no {dotted(steps[: known + 1])}, but {dotted((*steps[:known], close[0]))}"
            return
        elsewhere: list[Steps] = [
            names for names in self._names if names[-1].casefold() == folded[-1] and names != steps
        ]
        if elsewhere:
            elsewhere.sort(key=lambda names: _distance(names, steps))
            yield f"the event has {dotted(elsewhere[0])}"

    @cached_property
    def _names(self) -> dict[Steps, None]:
        """The event's fields and objects, outer ones first."""
        found: dict[Steps, None] = {(): None}
        level: list[tuple[Any, Steps]] = [(self._document, ())]
        while level and len(found) < _MOST_NAMES:
            following: list[tuple[Any, Steps]] = []
            for value, steps in level:
                if isinstance(value, dict):
                    following += [(inner, (*steps, *name.split("."))) for name, inner in value.items()]
                elif isinstance(value, list):
                    following += [(element, steps) for element in value if isinstance(element, dict | list)]
            found |= dict.fromkeys(steps for _, steps in following[:_MOST_NAMES])
            level = following[:_MOST_NAMES]
        del found[()]
        return found


def _distance(names: Steps, steps: Steps) -> tuple[int, int]:
    """Return how far apart two paths are: steps not shared, then the difference of depth."""
    shared = 0
    for one, other in zip(names, steps, strict=False):
        if one != other:
            break
        shared += 1
    return len(names) + len(steps) - 2 * shared, abs(len(names) - len(steps))


def _about_value(value: Scalar, test: Test) -> str | None:
    """Return a hint why a test fails for a value, if there is something to say."""
    if isinstance(test, AnythingBut):
        excluding = next((each for each in test.excluded if each.holds(value)), None)
        return f"{json_text(value)} is one of what is excluded: {cut(str(excluding))}" if excluding else None
    if isinstance(value, str):
        return _about_text(value, test)
    return _about_type(value, test)


def _about_type(value: Scalar, test: Test) -> str | None:
    """Return a hint about a number, true, false or null."""
    if value is None:
        return (
            'null is a value; only a field that is not there is {"exists": false}'
            if test == Exists(wanted=False)
            else None
        )
    spelled = json.dumps(value)
    if isinstance(test, Affix | Wildcard | Exact | InBlock) and test.holds(spelled):
        kind = "true or false" if isinstance(value, bool) else "a number"
        return f"the event has {json_text(value)} as {kind}, the rule asks for text"
    return None


def _about_text(value: str, test: Test) -> str | None:
    if isinstance(test, InBlock):
        return f"{json_text(value)} is no IP address" if Exact(value).address is None else None
    if isinstance(test, Between) or (isinstance(test, Exact) and not isinstance(test.value, str)):
        read = _read_as_json(value)
        return (
            f"the event has {json_text(value)} as text, the rule asks for {_kind(test)}"
            if read is not None and test.holds(read)
            else None
        )
    for hint, holds in _LOOSER:
        if holds(value, test):
            return hint
    return None


def _kind(test: Between | Exact) -> str:
    return "true or false" if isinstance(test, Exact) and isinstance(test.value, bool) else "a number"


def _read_as_json(text: str) -> float | bool | None:
    try:
        read = json.loads(text[:_MOST_COMPARED_CHARACTERS])
    except ValueError:
        return None
    return read if isinstance(read, int | float) else None


def _in_any_case(value: str, test: Test) -> bool:
    if isinstance(test, Exact):
        return str(test.value).casefold() == value.casefold()
    if isinstance(test, Affix):
        return not test.ignore_case and Affix(test.text, test.side, ignore_case=True).holds(value)
    return False


def _wild_in_any_case(value: str, test: Test) -> bool:
    return isinstance(test, Wildcard) and Wildcard(tuple(map(str.lower, test.pieces))).holds(value.lower())


def _without_blanks(value: str, test: Test) -> bool:
    return isinstance(test, Exact) and str(test.value).strip() == value.strip()


def _with_star(value: str, test: Test) -> bool:
    return (
        isinstance(test, Exact) and "*" in str(test.value) and Wildcard(tuple(str(test.value).split("*"))).holds(value)
    )


def _as_part(side: Side) -> Callable[[str, Test], bool]:
    return lambda value, test: (
        isinstance(test, Exact) and len(str(test.value)) > 2 and Affix(str(test.value), side).holds(value)
    )


def _nearly(value: str, test: Test) -> bool:
    if not isinstance(test, Exact) or max(len(str(test.value)), len(value)) > _MOST_COMPARED_CHARACTERS:
        return False
    return difflib.SequenceMatcher(None, str(test.value), value).ratio() >= _CLOSE


_LOOSER: Final[Sequence[tuple[str, Callable[[str, Test], bool]]]] = (
    ('only the case differs; {"equals-ignore-case": …} would ignore it', _in_any_case),
    ("only the case differs, which wildcard never ignores", _wild_in_any_case),
    ("only blanks at the beginning or end differ", _without_blanks),
    ('* stands for itself here; in {"wildcard": …} it would stand for any text', _with_star),
    ('the value only begins with it: {"prefix": …} would hold', _as_part(Side.START)),
    ('the value only ends with it: {"suffix": …} would hold', _as_part(Side.END)),
    ("the value is spelled nearly like that", _nearly),
)
