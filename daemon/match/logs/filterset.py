"""Many filter patterns over the same messages, at little more than the cost of reading a message once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from daemon.errors import FilterError
from daemon.match.logs.batch import Batch
from daemon.match.logs.choose import choose
from daemon.match.logs.evaluate import Evaluator
from daemon.match.logs.fields import Line, extract
from daemon.match.logs.matchers import MATCHERS, Matched
from daemon.match.logs.parse import parse
from daemon.match.logs.syntax import DelimitedPattern, Pattern


class FilterSet:
    """Named filter patterns, compiled together.

    Raises FilterError, its reason naming the filter, for what AWS refuses.  Immutable; safe to share between threads.
    """

    __slots__ = ("_matchers", "_names", "_trees")

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._names = tuple(patterns)
        self._trees = tuple(_parse(name, text) for name, text in patterns.items())
        places: defaultdict[Pattern, list[int]] = defaultdict(list)
        for place, tree in enumerate(self._trees):
            places[tree].append(place)
        distinct = tuple(places)
        evaluator = Evaluator(distinct)
        choices = choose(distinct)
        self._matchers = []
        for kind, matcher in MATCHERS.items():
            members = {number: choices[number] for number, tree in enumerate(distinct) if isinstance(tree, kind)}
            if members:
                self._matchers.append(matcher(members, evaluator, tuple(places.values())))

    def __len__(self) -> int:
        return len(self._names)

    def match(self, message: str) -> list[str]:
        """Return the names of the filters that match, in the order given; never raises."""
        return self.match_all((message,))[0]

    def match_all(self, messages: Iterable[str]) -> list[list[str]]:
        """Return what `match` would for each of several messages (the events of a record, say), but faster."""
        messages = list(messages)
        names: list[list[str]] = [[] for _ in messages]
        for position, places in self._matching(messages).items():
            names[position] = [self._names[place] for place in sorted(set(places))]
        return names

    def extract(self, message: str) -> dict[str, dict[str, str]]:
        """Return, under the name of each filter that matches, what FilterPattern.match would; never raises."""
        line = Line(message)
        places = sorted(set(self._matching((message,))[0]))
        return {self._names[place]: _extract(self._trees[place], line) for place in places}

    def _matching(self, messages: Sequence[str]) -> Matched:
        matched: Matched = defaultdict(list)
        batch = Batch(messages)
        for matcher in self._matchers:
            matcher.match(batch, matched)
        return matched


def _extract(pattern: Pattern, line: Line) -> dict[str, str]:
    return extract(pattern, line) if isinstance(pattern, DelimitedPattern) else {}


def _parse(name: str, text: str) -> Pattern:
    try:
        return parse(text)
    except FilterError as error:
        raise FilterError(error.position, f"filter {name!r}: {error.reason}") from None
