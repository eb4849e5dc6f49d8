"""Edges of single operators where event-ruler's source is the judge."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.errors import PatternError
from daemon.match import Matcher
from daemon.match.eventbridge.expressions import parse_test
from daemon.match.explain import Explainer
from daemon.match.lint.containment import contains, disjoint


def _refused(number: str, operator: str) -> bool:
    operand = f'["=",{number}]' if operator == "numeric" else number
    try:
        Matcher({"rule": f'{{"a":[{{"{operator}":{operand}}}]}}'})
    except PatternError:
        return True
    return False


@pytest.mark.parametrize("operator", ["numeric", "anything-but"])
@pytest.mark.parametrize(
    ("number", "refused"),
    [
        ("500000000001", False),
        ("1.7976931348623157e308", False),
        ("-1.7976931348623157E+308", False),
        ("1e309", True),
        ("9007199254740992", False),
        ("9007199254740993", True),
        ("100000000000000000000", False),
        ("1152921504606846976", True),
        (f"1{'0' * 398}", True),
        (f"1{'0' * 400}", True),
        ("0.30000000000000004", False),
        ("0.300000000000000044", True),
        ("0.1000000000000000000000", False),
        ("5e-324", False),
        ("1e-400", True),
        ("1e-99999999999999999999", True),
        ("-0.0", False),
    ],
)
def test_a_number_is_refused_unless_a_double_holds_all_of_it(number: str, operator: str, *, refused: bool) -> None:
    """Only a number that is as much as the shortest text of its double can be compared by EventBridge."""
    assert _refused(number, operator) is refused


def test_a_number_of_too_many_digits_may_stand_alone() -> None:
    """Outside of `numeric` and `anything-but` any number is a value; its double is compared."""
    matcher = Matcher({"rule": '{"a": [0.1000000000000000055, 9007199254740993]}'})
    assert matcher.match(b'{"a": 0.1000000000000000055}') == ["rule"]
    assert matcher.match(b'{"a": 9007199254740993}') == ["rule"]
    assert matcher.match(b'{"a": 9007199254740992}') == []


def test_what_excludes_nothing_can_be_explained() -> None:
    """A list inside anything-but may be empty; it then holds for any value, and has a text."""
    pattern: dict[str, Any] = {"a": [{"anything-but": {"suffix": []}}]}
    explanation = Explainer(pattern).explain(b'{"b": 1}')
    assert explanation.misses == 1
    assert explanation.alternatives[0].fields[0].tests == ('{"anything-but": []}',)


_BARE, _OTHER_SPELLING = parse_test("10.0.0.1", "$"), parse_test({"exactly": "010.0.0.1"}, "$")
_AS_WRITTEN, _BLOCK = parse_test({"exactly": "10.0.0.1"}, "$"), parse_test({"cidr": "10.0.0.0/8"}, "$")


def test_an_address_as_written_is_not_the_address() -> None:
    """A bare address contains `exactly` any of its spellings, and is not contained."""
    assert _BARE != _AS_WRITTEN
    assert contains(_BARE, _AS_WRITTEN)
    assert contains(_BARE, _OTHER_SPELLING)
    assert contains(_BLOCK, _AS_WRITTEN)
    assert not contains(_AS_WRITTEN, _BARE)
    assert not disjoint(_BARE, _OTHER_SPELLING)
    assert not disjoint(_OTHER_SPELLING, _BARE)
    assert disjoint(_AS_WRITTEN, _OTHER_SPELLING)


def test_an_address_as_written_is_shown_so() -> None:
    """An explanation says which of the two is meant; of other texts both mean the same."""
    assert [str(_BARE), str(_AS_WRITTEN)] == ['"10.0.0.1"', '{"exactly": "10.0.0.1"}']
    assert parse_test({"exactly": "x"}, "$") == parse_test("x", "$")
    assert json.loads(str(parse_test({"anything-but": ["10.0.0.1"]}, "$"))) == {"anything-but": ["10.0.0.1"]}
