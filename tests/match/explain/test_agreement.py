import json
from collections import Counter

import pytest

from daemon.match import Matcher
from daemon.match.explain import Explainer
from tests.match.generation import Generator


@pytest.mark.parametrize("seed", range(4))
def test_the_verdict_is_the_matchers(seed: int) -> None:
    """On generated pairs an explanation comes to the verdict of the compiled matcher, and its findings add up to it."""
    generator = Generator(seed)
    verdicts: Counter[bool] = Counter()
    apart = hinted = 0
    for _ in range(350):
        pattern = generator.pattern()
        matcher, explainer = Matcher({"rule": pattern}), Explainer(pattern)
        for event in [generator.event() for _ in range(3)] + [generator.event_for(pattern) for _ in range(15)]:
            expected = bool(matcher.match(event.encode()))
            explanation = explainer.explain(event.encode())
            nearest = explanation.alternatives[0]
            failed = sum(not finding.holds for finding in nearest.fields)
            assert (explanation.misses == 0) == nearest.matches == expected, (pattern, event)
            assert explanation.misses == explainer.misses(event.encode()) == failed + bool(nearest.disagreement)
            assert all(
                finding.holds == any(seen.holds for seen in finding.seen) for finding in nearest.fields if finding.seen
            )
            verdicts[expected] += 1
            apart += nearest.disagreement is not None
            hinted += any(finding.hints for finding in nearest.fields)
    assert verdicts.total() == 6_300
    assert min(verdicts.values()) > 1_000
    assert apart > 3
    assert hinted > 500


def test_alternatives_come_nearest_first() -> None:
    """Of the ways through `$or`, those that fail in the fewest tests come first, and only as many as asked for."""
    pattern = {"a": [1], "$or": [{"b": [1], "c": [1]}, {"b": [2]}, {"b": [3], "c": [2], "d": [1]}]}
    explanation = Explainer(pattern).explain(b'{"a": 1, "b": 3, "c": 1}', most=2)

    assert [(each.number, sum(not field.holds for field in each.fields)) for each in explanation.alternatives] == [
        (0, 1),
        (1, 1),
    ]
    assert (explanation.misses, explanation.alternatives_in_all) == (1, 3)
    assert [field.field for field in explanation.alternatives[0].fields] == ["b", "a", "c"]


def test_a_large_event_is_settled_for_a_thousand_alternatives() -> None:
    """Only what satisfies something is looked at again for each alternative, however long the arrays are."""
    event = {"a": [{"x": number, "y": number + 1} for number in range(20_000)], "b": list(range(20_000))}
    apart = {"$or": [{"a": {"x": [number], "y": [number + 5]}} for number in range(1_000)]}
    together = {"$or": [{"a": {"x": [number], "y": [number + 1]}, "b": [number]} for number in range(1_000)]}
    body = json.dumps(event).encode()

    assert (Explainer(apart).misses(body), Explainer(together).misses(body)) == (1, 0)
    assert (Matcher({"r": apart}).match(body), Matcher({"r": together}).match(body)) == ([], ["r"])
