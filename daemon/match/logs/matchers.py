"""The three kinds of patterns, each with its own way through many messages: one matcher for the filters of each kind.

filterset.py hands all messages to one matcher after the other.  Each finds the few filters worth testing with its
index, tests what their triggers do not prove, and adds the places of those that match to the messages' lists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from daemon.match.logs.batch import Batch
from daemon.match.logs.choose import Choice
from daemon.match.logs.collector import document_collectors
from daemon.match.logs.document import REFUSALS
from daemon.match.logs.evaluate import Evaluator, Predicate, View
from daemon.match.logs.fields import Line
from daemon.match.logs.gate import Gate
from daemon.match.logs.index import watches
from daemon.match.logs.search import Needles
from daemon.match.logs.syntax import DelimitedPattern, JsonPattern, TermsPattern
from daemon.match.logs.triggers import Place, Whole

Places: TypeAlias = Sequence[Sequence[int]]
"""For each filter, by its number, the places that the set has for it: more than one where names share a filter."""
Matched: TypeAlias = defaultdict[int, list[int]]
"""Under the position of each message, the places of the filters that match it, in no order, some twice."""


class _Filters:
    """What is left to do once filters are found to be worth it."""

    def __init__(self, choices: Mapping[int, Choice], evaluator: Evaluator, places: Places) -> None:
        self._tests: dict[int, Predicate | None] = {
            number: None if choice.rest is None else evaluator.predicate(choice.rest)
            for number, choice in choices.items()
        }
        self._places = places
        self.always = [number for number, choice in choices.items() if choice.cover is None]
        """Filters that nothing points to: tested on every message."""

    def matching(self, woken: list[int], view: View) -> Sequence[int]:
        """Return the places of those of the filters that match the view; of one woken twice, twice."""
        tests, places = self._tests, self._places
        found: list[int] = []
        for number in woken:
            test = tests[number]
            if test is None or test(view):
                found += places[number]
        return found


class TermsMatcher:
    """Unstructured patterns: one search through the texts for the strings of all of them."""

    def __init__(self, choices: Mapping[int, Choice], evaluator: Evaluator, places: Places) -> None:
        self._filters = _Filters(choices, evaluator, places)
        found = watches(choices.items()).get(Whole())
        self._needles = Needles(()) if found is None else found.needles

    def match(self, batch: Batch, matched: Matched) -> None:
        """Add the filters that match each message."""
        woken = self._needles.waiting_in_each(batch)
        if self._filters.always:
            for position in range(len(batch.messages)):
                woken[position] += self._filters.always
        for position, numbers in woken.items():
            if found := self._filters.matching(numbers, batch.messages[position]):
                matched[position] += found


class JsonMatcher:
    """JSON patterns: each message is decoded once, as far as any of them looks."""

    def __init__(self, choices: Mapping[int, Choice], evaluator: Evaluator, places: Places) -> None:
        self._filters = _Filters(choices, evaluator, places)
        self._projection = evaluator.projection
        fields = {subject: watch for subject, watch in watches(choices.items()).items() if isinstance(subject, tuple)}
        self._collect, self._collect_carefully = document_collectors(fields, evaluator.projection)

    def match(self, batch: Batch, matched: Matched) -> None:
        """Add the filters that match each message."""
        decode = self._projection.decode if batch.firsts == {"{"} else self._projection.view
        collect = self._collect
        always, matching = self._filters.always, self._filters.matching
        for position, message in enumerate(batch.messages):
            try:
                document = decode(message)
            except REFUSALS:
                document = self._projection.view_patiently(message)
            if document is None:
                continue
            try:
                woken = collect(document)
            except TypeError:
                woken = self._collect_carefully(document)
            if always:
                woken += always
            if woken and (found := matching(woken, document)):
                matched[position] += found


class LinesMatcher:
    """Space-delimited patterns: only messages that may have a field some pattern waits for are split into fields."""

    def __init__(self, choices: Mapping[int, Choice], evaluator: Evaluator, places: Places) -> None:
        self._filters = _Filters(choices, evaluator, places)
        self._gate = Gate(choices.values())
        found = watches(choices.items())
        self._places = [(subject, watch) for subject, watch in found.items() if isinstance(subject, Place)]

    def match(self, batch: Batch, matched: Matched) -> None:
        """Add the filters that match each message."""
        for position in self._gate.passing(batch):
            line = Line(batch.messages[position])
            woken = self._woken(line) + self._filters.always
            if found := self._filters.matching(woken, line):
                matched[position] += found

    def _woken(self, line: Line) -> list[int]:
        woken: list[int] = []
        count = len(line.texts)
        for place, watch in self._places:
            if -count <= place.index < count:
                text = line.rest(place.index) if place.takes_rest else line.texts[place.index]
                woken += watch[text] if watch.texts is None else watch.texts.get(text, ())
        return woken


Matcher: TypeAlias = TermsMatcher | JsonMatcher | LinesMatcher
MATCHERS: Mapping[type, Callable[[Mapping[int, Choice], Evaluator, Places], Matcher]] = {
    TermsPattern: TermsMatcher,
    JsonPattern: JsonMatcher,
    DelimitedPattern: LinesMatcher,
}
"""The matcher of each kind of pattern."""
