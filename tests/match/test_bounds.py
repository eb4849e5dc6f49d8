"""Patterns made to be large or slow: each is read in time and space that its text would take, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.errors import PatternError
from daemon.match import Matcher

_TOO_MANY = "more than 1000 combinations of alternatives"
_TOO_LARGE = "more than 600000 objects, values and match expressions"


def _doubled(leaf: Any, around: Any, times: int) -> Any:
    """Put a value twice into an object, that twice into another, and so on; there is only one of each."""
    for _ in range(times):
        leaf = around(leaf)
    return leaf


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (_doubled({"a": [1]}, lambda p: {"$or": [p, p]}, 100), _TOO_MANY),
        (_doubled({"a": [1]}, lambda p: {"a": p, "b": p}, 100), "more than 256 fields"),
        (
            _doubled({"a": [1]}, lambda p: {"a.b": p, "a": {"b": p}}, 60),
            _TOO_LARGE,
        ),
        ({f"f{n}": [1] * 10_000 for n in range(200)}, _TOO_LARGE),
        (
            {"a": [{"anything-but": ["x"] * 500_000}] * 2 + [1]},
            _TOO_LARGE,
        ),
        (
            {"a": list(range(10_000)), "$or": [{"b": [n]} for n in range(500)]},
            "more than 600000 values and match expressions in all its alternatives",
        ),
        ({"$or": [{"a": [n]} for n in range(10_000)]}, _TOO_MANY),
        (
            {f"{n}": {"$or": [{"a": [1]}, {"b": [1]}]} for n in range(100)},
            _TOO_MANY,
        ),
    ],
)
def test_what_would_multiply_is_refused_with_its_reason(pattern: Any, reason: str) -> None:
    """However small the parsed pattern looks, what it means is bounded."""
    with pytest.raises(PatternError) as refused:
        Matcher({"rule": pattern})
    assert refused.value.reason == reason


def test_a_pattern_that_holds_itself_is_refused() -> None:
    """A parsed pattern may even be circular."""
    pattern: dict[str, Any] = {"a": [1]}
    pattern["b"] = pattern
    with pytest.raises(PatternError, match="nested deeper"):
        Matcher({"rule": pattern})


@pytest.mark.parametrize("name", ['"', "a.b", "$.a", "😀", "a\0b", "\\", "", "\ud800", "a" * 10_000])
def test_a_field_may_have_any_name(name: str) -> None:
    """Quotes, dots, dollar signs, emoji, NUL and lone surrogates are found in events like other names."""
    matcher = Matcher({"rule": {"x": {name: [1]}}, "other": {"x": {"y": [2]}}})
    assert matcher.match(json.dumps({"x": {name: 1}}).encode()) == ["rule"]
    assert matcher.match(json.dumps({"x": {name: 2, "y": 2}}).encode()) == ["other"]


def test_a_pattern_of_a_megabyte_is_taken() -> None:
    """Ten thousand values of each kind in one field, and one of them is found."""
    tests = [
        test
        for n in range(10_000)
        for test in (
            f"value-{n}",
            {"prefix": f"prefix-{n}-"},
            {"wildcard": f"*wildcard-{n}*x"},
            {"cidr": f"10.{n % 256}.{n >> 8}.0/24"},
        )
    ]
    pattern = json.dumps({"detail": {"a": tests}})
    matcher = Matcher({"rule": pattern})
    assert len(pattern) > 1_000_000
    for value in ("value-77", "prefix-9999-", "a wildcard-123 x", "10.255.3.9"):
        assert matcher.match(json.dumps({"detail": {"a": value}}).encode()) == ["rule"]
    assert matcher.match(b'{"detail":{"a":"value-10000"}}') == []
