"""Array consistency where the plain reading of the rules would take too long, and events made to be slow."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from daemon.errors import DecodeError, RejectReason
from daemon.match import Matcher
from tests.match.reference import matches

_TWO_SPELLINGS = {"a": {"b": {f"f{number}": [1] for number in range(4)}}}


@pytest.mark.parametrize("seed", range(20))
def test_a_path_spelled_in_several_ways_into_arrays_gets_the_verdict_of_the_plain_reading(seed: int) -> None:
    """Which condition is satisfied under which spelling is found out, not guessed."""
    rng = random.Random(seed)
    matcher = Matcher({"rule": _TWO_SPELLINGS})
    verdicts = set()
    for _ in range(200):
        event = json.dumps({"a": [_spelled(rng) for _ in range(2)], "a.b": _elements(rng)})
        verdicts.add(matches(_TWO_SPELLINGS, event))
        assert bool(matcher.match(event.encode())) == matches(_TWO_SPELLINGS, event), event
    assert verdicts == {True, False}


def _spelled(rng: random.Random) -> dict[str, Any]:
    return {"b": _elements(rng), "b.f0": [{}, 1], "b.f1": rng.choice((1, 2))}


def _elements(rng: random.Random) -> list[Any]:
    return [{f"f{rng.randrange(4)}": rng.choice((1, 1, 2)) for _ in range(3)} for _ in range(rng.randrange(3))]


def _many_ways(size: int) -> bytes:
    rng = random.Random(size)
    value = [{f"f{rng.randrange(12)}": 1 for _ in range(6)} for _ in range(size)]
    return json.dumps({"a": [{"p.q.r": value, "p.q": {"r": value}, "p": {"q": {"r": value}, "q.r": value}}]}).encode()


def test_an_event_that_would_take_a_search_is_refused_with_its_reason() -> None:
    """Spelling a path in many ways cannot make the matcher slow, nor wrong: the event is rejected."""
    matcher = Matcher({"rule": {"a": {"p": {"q": {"r": {f"f{number}": [1] for number in range(12)}}}}}})
    with pytest.raises(DecodeError) as refused:
        matcher.find(_many_ways(2_000))
    assert refused.value.reason is RejectReason.AMBIGUOUS
    assert matcher.match(_many_ways(2_000)) == []


def test_one_of_many_elements_must_satisfy_all_conditions_of_a_rule() -> None:
    """In an event of 20,000 elements, two thousand rules each find the one element that has both of their values."""
    matcher = Matcher({f"rule-{n}": {"a": {"b": {"x": [n], "y.z": [n % 7]}}} for n in range(2_000)})
    elements = [{"b": {"x": n % 1_000, "y": {"z": n % 7 if n < 1_000 else 9}}} for n in range(20_000)]
    assert matcher.match(json.dumps({"a": elements}).encode()) == [f"rule-{n}" for n in range(1_000)]


@pytest.mark.parametrize("depth", [50, 900])
def test_arrays_in_arrays_keep_their_elements_apart(depth: int) -> None:
    """At any depth, values of two elements do not mix, while those of one do."""
    matcher = Matcher({"rule": {"a": {"x": [1], "y": [2]}}})
    apart: Any = [{"x": 1}, {"y": 2}]
    together: Any = [{"x": 1, "y": 2}]
    opening, closing = b'{"a":' + b"[" * depth, b"]" * depth + b"}"
    assert matcher.find(opening + json.dumps(apart).encode() + closing) == []
    assert matcher.find(opening + json.dumps(together).encode() + closing) == ["rule"]
