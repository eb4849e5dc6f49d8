from __future__ import annotations

import json

import pytest

from daemon.match.eventbridge.expressions import parse_test
from daemon.match.eventbridge.operators import Exists, Test
from daemon.match.lint.containment import contains, disjoint
from tests.match.generation import NUMBERS, STRINGS, Generator

VALUES = [*STRINGS, *NUMBERS, True, False, None]


def parse(text: str) -> Test:
    return parse_test(json.loads(text), "$")


@pytest.mark.parametrize("seed", range(3))
def test_what_is_proven_holds_for_values(seed: int) -> None:
    """On generated tests, a contained test never holds alone, and disjoint ones never hold together."""
    tests = Generator(seed).tests(300)
    holding = [{number for number, value in enumerate(VALUES) if test.holds(value)} for test in tests]
    proven = [0, 0]
    for wide, wide_values in zip(tests, holding, strict=True):
        for narrow, narrow_values in zip(tests, holding, strict=True):
            if isinstance(wide, Exists) or isinstance(narrow, Exists):
                continue
            if contains(wide, narrow):
                assert narrow_values <= wide_values, (str(wide), str(narrow))
                proven[0] += 1
            if disjoint(wide, narrow):
                assert not narrow_values & wide_values, (str(wide), str(narrow))
                proven[1] += 1
    assert proven[0] > 2_000
    assert proven[1] > 20_000


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ('{"prefix": "a"}', '"ab"'),
        ('{"prefix": "a"}', '{"prefix": "ab"}'),
        ('{"prefix": {"equals-ignore-case": "a"}}', '{"prefix": "Ab"}'),
        ('{"suffix": "b"}', '{"wildcard": "a*b"}'),
        ('{"wildcard": "a*"}', '{"prefix": "ab"}'),
        ('{"wildcard": "*"}', '{"equals-ignore-case": "ab"}'),
        ('{"wildcard": "a*"}', '{"wildcard": "ab"}'),
        ('{"exists": true}', '{"anything-but": "a"}'),
        ('{"anything-but": "a"}', '"b"'),
        ('{"anything-but": "a"}', '{"numeric": [">", 5]}'),
        ('{"anything-but": ["a"]}', '{"anything-but": ["a", "b"]}'),
        ('{"anything-but": ["ab"]}', '{"anything-but": {"prefix": "a"}}'),
        ('{"numeric": [">=", 5]}', '{"numeric": [">", 5, "<", 7]}'),
        ('{"numeric": [">=", 5]}', "5.0"),
        ('{"cidr": "10.0.0.0/8"}', '{"cidr": "10.1.0.0/16"}'),
        ('{"cidr": "10.0.0.0/8"}', '"10.1.2.3"'),
    ],
)
def test_containment_is_seen(wide: str, narrow: str) -> None:
    """The wider test contains the narrower, and not the other way round."""
    assert contains(parse(wide), parse(narrow))
    assert not contains(parse(narrow), parse(wide))
    assert not disjoint(parse(wide), parse(narrow))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"a"', '"b"'),
        ('"1"', "1"),
        ("true", "1"),
        ('{"prefix": "a"}', '{"prefix": "b"}'),
        ('{"prefix": {"equals-ignore-case": "a"}}', '{"prefix": "b"}'),
        ('{"suffix": "a"}', '{"wildcard": "*b"}'),
        ('{"exists": false}', '"a"'),
        ('{"exists": false}', '{"exists": true}'),
        ('{"anything-but": {"prefix": "a"}}', '{"prefix": "ab"}'),
        ('{"anything-but": "a"}', '"a"'),
        ('{"numeric": ["<", 5]}', '{"numeric": [">=", 5]}'),
        ('{"numeric": ["<", 5]}', '{"prefix": "4"}'),
        ('{"cidr": "10.0.0.0/8"}', '{"cidr": "11.0.0.0/8"}'),
        ('{"cidr": "10.0.0.0/8"}', '"11.0.0.1"'),
    ],
)
def test_disjointness_is_seen(one: str, other: str) -> None:
    """No value satisfies both, whichever is asked about first."""
    assert disjoint(parse(one), parse(other))
    assert disjoint(parse(other), parse(one))
    assert not contains(parse(one), parse(other))
