"""Finds rules that match what another rule matches already: all of it, or exactly the same.

A rule is covered if each of its alternatives is covered by an alternative of the other: every condition there follows
from one here on the same field.  That is sound also for arrays, as the same values satisfy both.  Candidates are looked
up by one plain value of the other rule, so that ten thousand rules do not mean a hundred million pairs; what is left
over is bounded, and said when given up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from daemon.match.eventbridge.operators import Exact
from daemon.match.eventbridge.pattern import Alternative, Condition
from daemon.match.lint.containment import contains
from daemon.match.lint.findings import Finding, LintCode

MOST_COMPARISONS: Final = 200_000
"""Pairs of alternatives that are compared; some seconds."""
_MOST_PAIRS: Final = 10_000
"""Pairs of tests that are compared one by one for two conditions; longer lists are compared as sets."""

_Key = tuple[str, object]


@dataclass(slots=True)
class Overlaps:
    """What was found."""

    findings: list[tuple[str, Finding]] = field(default_factory=list)
    """By the rule's name."""
    gave_up_at: str | None = None
    """The first rule that was not compared with all others, if the bound was reached."""


def overlaps(rules: Mapping[str, Sequence[Alternative]]) -> Overlaps:
    """Compare rules, given by name, with each other."""
    search = _Search(rules)
    found = Overlaps()
    for name in rules:
        covering = [(other, search.covers(name, other)) for other in search.covering(name)]
        if search.left <= 0:
            found.gave_up_at = name
            break
        for other, is_equal in covering:
            if is_equal and search.places[other] > search.places[name]:
                continue  # said once, of the later one
            code = LintCode.EQUAL_RULES if is_equal else LintCode.SHADOWED_RULE
            what = "exactly the events of" if is_equal else "only events that also match"
            found.findings.append((name, Finding(code, "$", f"matches {what} {other!r}")))
    return found


class _Search:
    """The alternatives of all rules, each filed under a value that whatever it covers must ask for."""

    def __init__(self, rules: Mapping[str, Sequence[Alternative]]) -> None:
        self._rules = rules
        self.places = {name: place for place, name in enumerate(rules)}
        self.left = MOST_COMPARISONS
        common = Counter(key for each in self._alternatives() for condition in each[1] for key in _keys(condition))
        self._filed: dict[_Key | None, list[tuple[str, Alternative]]] = defaultdict(list)
        for name, alternative in self._alternatives():
            for key in _filing(alternative, common):
                self._filed[key].append((name, alternative))

    def _alternatives(self) -> Iterator[tuple[str, Alternative]]:
        return ((name, alternative) for name, alternatives in self._rules.items() for alternative in alternatives)

    def covering(self, name: str) -> list[str]:
        """Return the other rules that match whatever this one does, in their order."""
        covering: set[str] | None = None
        for alternative in self._rules[name]:
            found = {
                other
                for other, wider in self._candidates(alternative)
                if other != name and (covering is None or other in covering) and self._covers(wider, alternative)
            }
            covering = found if covering is None else covering & found
            if not covering:
                return []
        return sorted(covering or (), key=self.places.__getitem__)

    def covers(self, wide: str, narrow: str) -> bool:
        """Tell whether a rule matches whatever another does."""
        return all(
            any(self._covers(wider, alternative) for wider in self._rules[wide]) for alternative in self._rules[narrow]
        )

    def _candidates(self, alternative: Alternative) -> Iterator[tuple[str, Alternative]]:
        yield from self._filed[None]
        for condition in alternative:
            first = condition.tests[0]
            if isinstance(first, Exact):
                yield from self._filed.get((condition.path, _value(first)), ())

    def _covers(self, wide: Alternative, narrow: Alternative) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        return all(any(_follows(wanted, given) for given in narrow) for wanted in wide)


def _follows(wanted: Condition, given: Condition) -> bool:
    if wanted.path != given.path:
        return False
    if len(wanted.tests) * len(given.tests) > _MOST_PAIRS:
        return set(given.tests) <= set(wanted.tests)
    return all(any(contains(wide, narrow) for wide in wanted.tests) for narrow in given.tests)


def _keys(condition: Condition) -> Iterator[_Key]:
    return ((condition.path, _value(test)) for test in condition.tests if isinstance(test, Exact))


def _filing(alternative: Alternative, common: Counter[_Key]) -> Sequence[_Key | None]:
    """Return the values of the condition on plain values that are rarest; what this covers begins with one of them."""
    plain = [condition for condition in alternative if all(isinstance(test, Exact) for test in condition.tests)]
    if not plain:
        return (None,)
    rarest = min(plain, key=lambda condition: sum(common[key] for key in _keys(condition)))
    return list(dict.fromkeys(_keys(rarest)))


def _value(test: Exact) -> object:
    """Return the same for all tests that one value may satisfy; an address that is taken as written is filed as one."""
    return Exact(test.value).address or (isinstance(test.value, bool), test.value)
