"""Many filter patterns over the same messages, at little more than the cost of reading a message once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from daemon.errors import FilterError
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

    __slots__ = ("_matchers", "_names", "_predicates", "_trees")

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._names = tuple(patterns)
        self._trees = tuple(_parse(name, text) for name, text in patterns.items())
        evaluator = Evaluator(self._trees)
        choices = choose(self._trees)
        self._matchers = []
        for kind, matcher in MATCHERS.items():
            members = {number: choices[number] for number, tree in enumerate(self._trees) if isinstance(tree, kind)}
            if members:
                self._matchers.append(matcher(members, evaluator))

    def __len__(self) -> int:
        return len(self._names)

    def match(self, message: str) -> list[str]:
        """Return the names of the filters that match, in the order given; never raises."""
        return [self._names[number] for number in self._matching((message,))[0]]

    def match_all(self, messages: Iterable[str]) -> list[list[str]]:
        """Return what `match` would for each of several messages (the events of a record, say), but faster."""
        messages = list(messages)
        names: list[list[str]] = [[] for _ in messages]
        for position, numbers in self._matching(messages).items():
            names[position] = [self._names[number] for number in numbers]
        return names

    def extract(self, message: str) -> dict[str, dict[str, str]]:
        """Return, under the name of each filter that matches, what FilterPattern.match would; never raises."""
        return {self._names[number]: self._extract(number, message) for number in self._matching((message,))[0]}

    def _matching(self, messages: Sequence[str]) -> Matched:
        matched: Matched = defaultdict(list)
        for matcher in self._matchers:
            matcher.match(messages, matched)
        for numbers in matched.values():
            if len(numbers) > 1:
                numbers.sort()
        return matched

    def _extract(self, number: int, message: str) -> dict[str, str]:
        tree = self._trees[number]
        return extract(tree, Line(message)) if isinstance(tree, DelimitedPattern) else {}


def _parse(name: str, text: str) -> Pattern:
    try:
        return parse(text)
    except FilterError as error:
        raise FilterError(error.position, f"filter {name!r}: {error.reason}") from None
