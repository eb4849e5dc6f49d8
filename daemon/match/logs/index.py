"""The filters of one kind, found by what a message shows: a few look-ups instead of a test for each filter.

filterset.py builds one for each kind of pattern and asks it which filters are worth evaluating.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from daemon.match.logs.choose import Choice
from daemon.match.logs.collector import document_collector
from daemon.match.logs.document import Steps
from daemon.match.logs.evaluate import Evaluator, View
from daemon.match.logs.fields import Line
from daemon.match.logs.search import Needles
from daemon.match.logs.triggers import Equal, Fact, Holds, Place, Present, Subject, Whole
from daemon.match.logs.values import text_of

_MAX_REMEMBERED = 1_024
_MAX_REMEMBERED_CHARACTERS = 1_024


def matcher(choices: Mapping[int, Choice], evaluator: Evaluator) -> Callable[[View], list[int]]:
    """Return a function that lists, by number, the filters of one kind that match a message's view of that kind."""
    waiting: dict[Subject, dict[Fact, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, choice in choices.items():
        for subject, fact in choice.cover or ():
            waiting[subject][fact].append(number)
    collect = _collector({subject: Watch(facts) for subject, facts in waiting.items()}, evaluator)
    always = [number for number, choice in choices.items() if choice.cover is None]
    tests = {number: evaluator.predicate(choice.rest) for number, choice in choices.items() if choice.rest is not None}

    def matching(view: View) -> list[int]:
        woken = collect(view)
        if always:
            woken += always
        if not woken:
            return woken
        return [number for number in set(woken) if number not in tests or tests[number](view)]

    return matching


def _collector(watches: dict[Subject, Watch], evaluator: Evaluator) -> Callable[[Any], list[int]]:
    """Return the function that lists anew the filters whose triggers a view shows; all subjects are of one kind."""
    selectors: dict[Steps, Watch] = {}
    places: dict[Place, Watch] = {}
    for subject, watch in watches.items():
        match subject:
            case Whole():
                return watch.needles.waiting
            case Place():
                places[subject] = watch
            case _:
                selectors[subject] = watch
    return _line_collector(places) if places else document_collector(selectors, evaluator.projection)


def _line_collector(watches: dict[Place, Watch]) -> Callable[[Line], list[int]]:
    def collect(line: Line) -> list[int]:
        woken: list[int] = []
        count = len(line.texts)
        for place, watch in watches.items():
            if -count <= place.index < count:
                text = line.rest(place.index) if place.takes_rest else line.texts[place.index]
                woken += watch.find_text(text) or ()
        return woken

    return collect


class Watch:
    """The filters that wait for something about one subject."""

    def __init__(self, facts: Mapping[Fact, list[int]]) -> None:
        self._present = facts.get(Present(), [])
        self._texts: dict[str, list[int]] = {}
        self._numbers: dict[float, list[int]] = {}
        needles = []
        for fact, waiting in facts.items():
            match fact:
                case Equal(value=str(text)):
                    self._texts[text] = waiting
                case Equal(value=int() | float() as number):
                    self._numbers[number] = waiting
                case Holds(needle=needle):
                    needles.append((needle, waiting))
        self.needles = Needles(needles)
        self.find_text: Callable[[str], list[int] | None] = self._texts.get
        """Returns the filters that wait for a text, None or nothing if there are none."""
        if needles or self._present:
            self.find_text = _Memory(self._search).__getitem__

    def _search(self, text: str) -> list[int]:
        return [*self._present, *self._texts.get(text, ()), *self.needles.waiting(text)]

    def find_scalar(self, value: object) -> list[int] | None:
        """Return the filters that wait for any value, None or nothing if there are none."""
        text = text_of(value)
        if text is None:  # an object, an array, or MISSING: every comparison with it is false
            return None
        found = self.find_text(text)
        if self._numbers and isinstance(value, int | float) and not isinstance(value, bool):
            return [*(found or ()), *self._numbers.get(value, ())]
        return found


class _Memory(dict[str, list[int]]):
    """What was found for the values a field had lately: names, agents and addresses come again and again."""

    def __init__(self, search: Callable[[str], list[int]]) -> None:
        super().__init__()
        self._search = search

    def __missing__(self, text: str) -> list[int]:
        found = self._search(text)
        if len(text) <= _MAX_REMEMBERED_CHARACTERS:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
            self[text] = found
        return found
