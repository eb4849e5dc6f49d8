"""The compiled matcher against the plain reading of the rules in reference.py, on generated patterns and events."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from daemon.errors import PatternError
from daemon.match import Matcher
from tests.match.generation import Generator
from tests.match.reference import matches
from tests.match.shrinking import shrink

_SEEDS = range(4)


@pytest.mark.parametrize("seed", _SEEDS)
def test_one_pattern_and_one_event_get_the_verdict_of_the_plain_reading(seed: int) -> None:
    """Alone in its matcher, each pattern matches exactly the events it should."""
    generator = Generator(seed)
    verdicts: Counter[bool] = Counter()
    for _ in range(1_500):
        pattern = generator.pattern()
        matcher = Matcher({"rule": pattern})
        for event in [generator.event() for _ in range(3)] + [generator.event_for(pattern) for _ in range(15)]:
            expected = matches(pattern, event)
            assert bool(matcher.match(event.encode())) == expected, _smallest({"rule": pattern}, event)
            verdicts[expected] += 1
    assert verdicts.total() == 27_000
    assert min(verdicts.values()) > 2_000


@pytest.mark.parametrize(("rules", "events"), [(50, 400), (2_000, 12)])
def test_many_patterns_at_once_match_as_each_does_alone(rules: int, events: int) -> None:
    """In a set, every pattern gets the verdict of the plain reading, and the names come in the order given."""
    generator = Generator(rules)
    patterns: dict[str, Any] = {f"rule {number}": generator.pattern() for number in range(rules)}
    matcher = Matcher(patterns)
    drawn = [generator.event_for(pattern) for pattern in list(patterns.values())[:events]]
    for event in drawn + [generator.event() for _ in range(events)]:
        expected = [name for name, pattern in patterns.items() if matches(pattern, event)]
        assert matcher.match(event.encode()) == expected, _smallest(patterns, event)


def test_a_counter_example_is_shrunk_to_what_it_takes() -> None:
    """Of a large pattern and event, only the parts that make them wrong are left."""
    generator = Generator(0)
    patterns = {f"rule {number}": generator.pattern() for number in range(20)} | {"x": {"b": {"c": ["abc", 1, True]}}}
    event = {"a": [1, 2, {"c": "d"}], "b": {"c": ["abc", 7]}, "c": "abc"}

    def is_wrong(example: Any) -> bool:
        return "abc" in str(example["patterns"].get("x", {}).get("b")) and "7" in str(example["event"])

    assert shrink({"patterns": patterns, "event": event}, lambda example: _holds(is_wrong, example)) == {
        "patterns": {"x": {"b": {"c": "abc"}}},
        "event": {"c": 7},
    }


def _smallest(patterns: dict[str, Any], event: str) -> Any:
    """Return patterns and event cut down as far as the two readings disagree."""

    def disagree(example: Any) -> bool:
        text = json.dumps(example["event"])
        expected = [name for name, pattern in example["patterns"].items() if matches(pattern, text)]
        return isinstance(example["event"], dict) and Matcher(example["patterns"]).match(text.encode()) != expected

    return shrink({"patterns": patterns, "event": json.loads(event)}, lambda example: _holds(disagree, example))


def _holds(is_wrong: Any, example: Any) -> bool:
    """Ask about an example that shrinking may have left without meaning."""
    try:
        return bool(is_wrong(example))
    except (PatternError, AttributeError, KeyError, TypeError, ValueError):
        return False
