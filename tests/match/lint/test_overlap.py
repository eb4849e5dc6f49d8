from __future__ import annotations

import re
from typing import Any

from daemon.match import Matcher
from daemon.match.eventbridge.pattern import parse_pattern
from daemon.match.lint import LintCode, Subject, lint_pattern, overlaps
from daemon.match.lint.overlap import MOST_COMPARISONS
from tests.match.generation import Generator

_SEVERAL_VALUES = re.compile(r'\[|"(a\.b|b\.c)":')
"""In an event: an array, or a name with a dot, which is a second spelling of a path."""


def found(rules: dict[str, Any]) -> list[tuple[str, str, str]]:
    report = overlaps({name: parse_pattern(pattern) for name, pattern in rules.items()})
    return [(name, finding.code.value, finding.message.split("'")[1]) for name, finding in report.findings]


def test_equal_rules_are_said_once() -> None:
    """Rules that mean the same, however they are written, are named at the later one."""
    rules = {
        "one": {"source": ["a", "b"], "detail": {"n": [1]}},
        "two": {"detail": {"n": [1.0]}, "source": ["b", "a"]},
    }

    assert found(rules) == [("two", "equal-rules", "one")]


def test_alternatives_are_compared_one_by_one() -> None:
    """An `$or` of single values is seen to follow from their list; the other way round takes more than is tried."""
    rules = {"list": {"source": ["a", "b"]}, "or": {"$or": [{"source": ["a"]}, {"source": ["b"]}]}}

    assert found(rules) == [("or", "shadowed-rule", "list")]


def test_a_shadowed_rule_names_the_wider_one() -> None:
    """A rule all of whose events another rule matches is said to be so, not the other way round."""
    rules = {
        "wide": {"source": [{"prefix": "aws."}], "detail": {"n": [{"numeric": [">", 0]}]}},
        "narrow": {"source": ["aws.s3"], "detail": {"n": [5], "m": ["x"]}},
        "split": {"$or": [{"source": ["aws.s3"]}, {"source": ["aws.ec2"]}], "detail": {"n": [7]}},
        "beside": {"source": ["s3"], "detail": {"n": [5]}},
        "partly": {"$or": [{"source": ["aws.s3"], "detail": {"n": [5]}}, {"source": ["x"]}]},
    }

    assert found(rules) == [
        ("narrow", "shadowed-rule", "wide"),
        ("narrow", "shadowed-rule", "partly"),
        ("split", "shadowed-rule", "wide"),
    ]


def test_what_is_said_of_generated_rules_holds_for_events() -> None:
    """Where a rule is said to be covered, no generated event matches it without the other."""
    generator = Generator(11)
    patterns = {str(number): generator.pattern(depth=1) for number in range(350)}
    report = overlaps({name: parse_pattern(pattern) for name, pattern in patterns.items()})
    matcher = Matcher(patterns)
    covered = [(name, finding.message.split("'")[1]) for name, finding in report.findings]
    matches = 0
    for name, other in covered:
        for _ in range(8):
            names = matcher.match(generator.event_for(patterns[name]).encode())
            assert name not in names or other in names, (patterns[name], patterns[other])
            matches += name in names
    assert report.gave_up_at is None
    assert len(covered) > 30
    assert matches > 60


def test_a_contradiction_keeps_its_word() -> None:
    """A pattern said to match nothing matches no event, or none with one value a field where that is what is said."""
    generator = Generator(12)
    dead = 0
    for _ in range(6_000):
        pattern = generator.pattern()
        said = [each for each in lint_pattern(Subject(pattern)) if each.code is LintCode.CANNOT_MATCH]
        if not said:
            continue
        dead += 1
        matcher = Matcher({"rule": pattern})
        for event in [generator.event_for(pattern) for _ in range(30)]:
            if said[0].message.endswith("nothing matches") or not _SEVERAL_VALUES.search(event):
                assert not matcher.match(event.encode()), (pattern, event)
    assert dead > 20


def test_an_absence_beside_other_tests_does_not_make_a_contradiction_final() -> None:
    """Where a field may be absent or have a value, two values can still satisfy what no single one does."""
    pattern = {"a": ["x", {"exists": False}], "$or": [{"a": ["y"]}, {"a": ["z"]}]}
    (said,) = [each for each in lint_pattern(Subject(pattern)) if each.code is LintCode.CANNOT_MATCH]
    assert said.message.endswith("only an array with a value for each would match")
    assert Matcher({"rule": pattern}).match(b'{"a": ["x", "y"]}') == ["rule"]


def test_ten_thousand_rules_are_compared_within_the_bound() -> None:
    """Rules that differ in one value are compared by that value, not each with each."""
    rules = {
        str(number): parse_pattern(
            {"source": ["aws.s3"], "detail": {"eventName": [f"Name{number}"], "a": [number % 7]}}
        )
        for number in range(10_000)
    }
    rules["wide"] = parse_pattern({"source": [{"prefix": "aws"}], "detail": {"a": [3]}})
    report = overlaps(rules)

    assert report.gave_up_at is None
    assert len(report.findings) == len(range(3, 10_000, 7))


def test_too_many_alike_are_given_up_and_said() -> None:
    """Rules without any plain value are compared each with each, up to a bound that is said."""
    rules = {
        str(number): parse_pattern({"a": [{"prefix": f"a{number}"}], "b": [{"prefix": "b"}]}) for number in range(2_000)
    }
    report = overlaps(rules)

    assert report.gave_up_at is not None
    assert int(report.gave_up_at) <= MOST_COMPARISONS // 1_000
