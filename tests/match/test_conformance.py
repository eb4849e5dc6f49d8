"""Random pairs of pattern and event, judged by the engine that EventBridge runs (aws/event-ruler)."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from daemon.match import Matcher, PatternError
from daemon.match.explain import Explainer

_VECTORS = Path(__file__).parent / "data" / "eventbridge-patterns.ndjson.gz"


@pytest.fixture(scope="module")
def vectors() -> list[dict[str, Any]]:
    """Return the pairs: `pattern` and `event` as JSON text, `expect`: match, no-match or invalid."""
    with gzip.open(_VECTORS, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _verdict(vector: dict[str, Any], pattern: Any) -> str:
    try:
        matched = Matcher({"rule": pattern}).match(vector["event"].encode())
    except PatternError:
        return "invalid"
    return "match" if matched == ["rule"] else "no-match"


def test_each_pattern_given_as_text_gets_the_engines_verdict(vectors: list[dict[str, Any]]) -> None:
    """A matcher of one pattern agrees with the engine on every pair."""
    assert [v for v in vectors if _verdict(v, v["pattern"]) != v["expect"]] == []


def test_a_parsed_pattern_gets_the_same_verdict_as_its_text(vectors: list[dict[str, Any]]) -> None:
    """Where no name is repeated, giving the parsed pattern makes no difference."""
    assert [v for v in vectors[::7] if _verdict(v, json.loads(v["pattern"])) != v["expect"]] == []


def test_all_valid_patterns_in_one_matcher_get_the_verdicts_they_get_alone(vectors: list[dict[str, Any]]) -> None:
    """In a set of thousands of rules, each event finds its own pattern exactly if the engine says so."""
    valid = [v for v in vectors if v["expect"] != "invalid"]
    matcher = Matcher({str(number): v["pattern"] for number, v in enumerate(valid)})
    wrong = defaultdict(list)
    for number, vector in enumerate(valid):
        if (str(number) in matcher.match(vector["event"].encode())) != (vector["expect"] == "match"):
            wrong[vector["expect"]].append(vector)
    assert wrong == {}


def test_each_pair_is_explained_with_the_engines_verdict(vectors: list[dict[str, Any]]) -> None:
    """What `vigild explain` says, straight from the pattern, agrees with the engine too."""
    valid = [v for v in vectors if v["expect"] != "invalid"]
    misses = [(Explainer(v["pattern"]).misses(v["event"].encode()), v) for v in valid]

    assert [v for missed, v in misses if (missed == 0) != (v["expect"] == "match")] == []
