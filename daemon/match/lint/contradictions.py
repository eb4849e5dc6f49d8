"""Finds patterns, and alternatives of `$or`, that nothing satisfies.

Only two conditions on one field contradict each other, one beside an `$or` and one inside it; event-ruler's parser
refuses what a single condition could get wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from daemon.match.eventbridge.operators import Exists
from daemon.match.eventbridge.pattern import Alternative, Condition
from daemon.match.lint.containment import disjoint
from daemon.match.lint.findings import Finding, LintCode, Subject

_MOST_PAIRS: Final = 100_000
"""Pairs of tests that are compared for two conditions; with more, nothing is said."""


def contradictions(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for the pattern if all its alternatives are dead, else one for each that is."""
    dead = [pair for each in subject.sample if (pair := _contradiction(each))]
    is_all_dead = len(dead) == len(subject.alternatives)
    for one, other in dead[:1] if is_all_dead else dead:
        code = LintCode.CANNOT_MATCH if is_all_dead else LintCode.DEAD_ALTERNATIVE
        yield Finding(code, other.place, _sentence(one, other))


def _contradiction(alternative: Alternative) -> tuple[Condition, Condition] | None:
    by_path: dict[str, list[Condition]] = {}
    for condition in alternative:
        by_path.setdefault(condition.path, []).append(condition)
    pairs = (pair for conditions in by_path.values() for pair in combinations(conditions, 2))
    return next((pair for pair in pairs if _exclude_each_other(*pair)), None)


def _exclude_each_other(one: Condition, other: Condition) -> bool:
    if len(one.tests) * len(other.tests) > _MOST_PAIRS:
        return False
    return all(disjoint(test, counterpart) for test in one.tests for counterpart in other.tests)


def _sentence(one: Condition, other: Condition) -> str:
    sentence = f"excludes what {one.place} asks of the same field"
    if any(all(test == Exists(wanted=False) for test in condition.tests) for condition in (one, other)):
        return f"{sentence}: nothing matches"
    return f"{sentence}: only an array with a value for each would match"
