"""The compiled matcher against the plain reading of the rules in reference.py, on generated patterns and events."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from daemon.match import Matcher
from tests.match.generation import Generator
from tests.match.reference import matches

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
            assert bool(matcher.match(event.encode())) == expected, (pattern, event)
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
        assert matcher.match(event.encode()) == expected, event
