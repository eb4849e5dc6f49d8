"""What the linter says, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import accumulate
from typing import Final

from daemon.match.eventbridge.operators import Exact, Test
from daemon.match.eventbridge.pattern import Alternative, Group, parse_groups

_MOST_TESTS: Final = 100_000
"""Tests that are looked at in one pattern, counted in each alternative they stand in."""


class LintCode(StrEnum):
    """The closed list of what the linter warns of; a rule may ignore a code with a reason."""

    CANNOT_MATCH = "cannot-match"  # no event satisfies the rule
    DEAD_ALTERNATIVE = "dead-alternative"  # one alternative of an $or is never satisfied, the others are
    WRONG_TYPE = "wrong-type"  # the field's source sends another type: text where a number is asked for
    MATCHES_NEARLY_ALL = "matches-nearly-all"  # no field is narrowed down to anything
    EQUAL_RULES = "equal-rules"  # another rule matches exactly the same events
    SHADOWED_RULE = "shadowed-rule"  # another rule matches every event that this one does, and more
    FIELD_BESIDE_OR = "field-beside-or"  # a field beside $or and inside it: EventBridge itself reads it otherwise
    COSTLY_WILDCARD = "costly-wildcard"  # EventBridge refuses the rule as too complex, as far as is known
    MISSPELT_FIELD = "misspelt-field"  # nearly the name of a field that events or CloudTrail records have
    MISSPELT_VALUE = "misspelt-value"  # nearly a source, region or call of AWS
    DATA_EVENT = "data-event"  # CloudTrail records it only where a trail has data events on
    READ_ONLY_EVENT = "read-only-event"  # EventBridge does not deliver it unless the rule there says so
    GLOBAL_REGION = "global-region"  # a global service's events, asked for in a region that has none
    UNKNOWN_DETAIL_TYPE = "unknown-detail-type"  # no source sends this detail-type, or not this source
    FILTER_CANNOT_MATCH = "filter-cannot-match"  # no message satisfies the filter
    FILTER_MATCHES_ALL = "filter-matches-all"  # the filter rules nothing out, though it looks as if it did
    IGNORED_TERM = "ignored-term"  # a ?term that does not count beside a term without the mark
    UNUSED_IGNORE = "unused-ignore"  # lint_ignore names a code that the rule gives no reason for


@dataclass(frozen=True, slots=True)
class Finding:
    """One warning about one rule."""

    code: LintCode
    place: str
    """JSON path in the pattern; "$" for all of it."""
    message: str


@dataclass(frozen=True)
class Subject:
    """A pattern to look at."""

    source: str | Mapping[str, object]
    description: str = ""

    @cached_property
    def group(self) -> Group:
        """The pattern with its `$or` as they stand."""
        return parse_groups(self.source)

    @cached_property
    def alternatives(self) -> list[Alternative]:
        """The pattern with its `$or` multiplied out."""
        return self.group.alternatives()

    @cached_property
    def sample(self) -> list[Alternative]:
        """The alternatives, but of a pattern that is beyond all reason only the first."""
        tests = accumulate(sum(len(condition.tests) for condition in each) for each in self.alternatives)
        counted = zip(self.alternatives, tests, strict=True)
        return [each for number, (each, sum_) in enumerate(counted) if sum_ <= _MOST_TESTS or number == 0]


def tests_on(alternative: Alternative, path: str) -> list[tuple[Test, str]]:
    """Return the tests of a field, given by its dotted path, each with its place."""
    return [
        (test, f"{condition.place}[{at}]")
        for condition in alternative
        if condition.path == path
        for at, test in enumerate(condition.tests)
    ]


def texts_on(alternative: Alternative, path: str) -> list[tuple[str, str]]:
    """Return the texts that a field is compared with as they are, each with its place."""
    return [
        (test.value, place)
        for test, place in tests_on(alternative, path)
        if isinstance(test, Exact) and isinstance(test.value, str)
    ]
