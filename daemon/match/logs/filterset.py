"""Many filter patterns over the same messages, at little more than the cost of reading a message once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daemon.errors import FilterError
from daemon.match.logs.choose import choose
from daemon.match.logs.evaluate import Evaluator
from daemon.match.logs.fields import Line, extract
from daemon.match.logs.gate import gated_line
from daemon.match.logs.index import matcher
from daemon.match.logs.parse import parse
from daemon.match.logs.syntax import DelimitedPattern, Pattern


class FilterSet:
    """Named filter patterns, compiled together.

    Raises FilterError, its reason naming the filter, for what AWS refuses.  Immutable; safe to share between threads.
    """

    __slots__ = ("_kinds", "_names", "_predicates", "_trees")

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._names = tuple(patterns)
        self._trees = tuple(_parse(name, text) for name, text in patterns.items())
        evaluator = Evaluator(self._trees)
        choices = choose(self._trees)
        self._kinds = []
        for kind, view_of in evaluator.views.items():
            members = {number: choices[number] for number, tree in enumerate(self._trees) if isinstance(tree, kind)}
            if members:
                view = gated_line(members.values()) if kind is DelimitedPattern else view_of
                self._kinds.append((view, matcher(members, evaluator)))

    def __len__(self) -> int:
        return len(self._names)

    def match(self, message: str) -> list[str]:
        """Return the names of the filters that match, in the order given; never raises."""
        return [self._names[number] for number in self._matching(message)]

    def match_all(self, messages: Iterable[str]) -> list[list[str]]:
        """Return what `match` would for each message; faster, as the kinds of patterns take turns less often."""
        messages = list(messages)
        matched: list[list[int]] = [[] for _ in messages]
        for view_of, matching in self._kinds:
            for numbers, view in zip(matched, map(view_of, messages), strict=True):
                if view is not None:
                    numbers.extend(matching(view))
        return [[self._names[number] for number in sorted(numbers)] for numbers in matched]

    def extract(self, message: str) -> dict[str, dict[str, str]]:
        """Return, under the name of each filter that matches, what FilterPattern.match would; never raises."""
        return {self._names[number]: self._extract(number, message) for number in self._matching(message)}

    def _matching(self, message: str) -> list[int]:
        numbers: list[int] = []
        for view_of, matching in self._kinds:
            view = view_of(message)
            if view is not None:
                numbers += matching(view)
        numbers.sort()
        return numbers

    def _extract(self, number: int, message: str) -> dict[str, str]:
        tree = self._trees[number]
        return extract(tree, Line(message)) if isinstance(tree, DelimitedPattern) else {}


def _parse(name: str, text: str) -> Pattern:
    try:
        return parse(text)
    except FilterError as error:
        raise FilterError(error.position, f"filter {name!r}: {error.reason}") from None
