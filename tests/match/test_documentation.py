from __future__ import annotations

import json

import pytest

from daemon.match import Matcher, PatternError
from daemon.match.explain import Explainer
from tests.match.pages import DOCS, Step, steps

STEPS = list(steps("patterns.md", "pattern", ("pattern", "match", "no match", "refused", "at", "because")))


@pytest.mark.parametrize("step", STEPS, ids=[f"line {step.line}" for step in STEPS])
def test_the_page_says_what_happens(step: Step) -> None:
    """Every pattern of the normative page matches or is refused as the page says, and is explained so."""
    match step.keyword:
        case "match" | "no match":
            event = step.text.encode()
            assert isinstance(json.loads(event), dict)
            assert Matcher({"rule": step.pattern}).find(event) == (["rule"] if step.keyword == "match" else [])
            assert (Explainer(step.pattern).misses(event) == 0) == (step.keyword == "match")
        case "at":
            with pytest.raises(PatternError) as raised:
                Matcher({"rule": step.pattern})
            assert raised.value.path == step.text
        case "because":
            with pytest.raises(PatternError) as raised:
                Matcher({"rule": step.pattern})
            assert raised.value.reason.startswith(step.text)


def test_every_refused_pattern_has_a_place_and_a_reason() -> None:
    """Each `refused` line is followed by its `at` and `because`, so none goes untested."""
    keywords = [step.keyword for step in STEPS]
    refused = [number for number, keyword in enumerate(keywords) if keyword == "refused"]

    assert all(keywords[number + 1 : number + 3] == ["at", "because"] for number in refused)
    assert len(refused) > 25


@pytest.mark.parametrize(
    "operator",
    [
        "prefix",
        "suffix",
        "equals-ignore-case",
        "wildcard",
        "numeric",
        "cidr",
        "exists",
        "anything-but",
        "exactly",
        "$or",
    ],
)
def test_every_operator_has_examples_both_ways(operator: str) -> None:
    """No operator is described in words alone."""
    kinds = {step.keyword for step in STEPS if f'"{operator}"' in step.pattern}

    assert {"match", "no match"} <= kinds


def test_the_pages_lead_to_each_other() -> None:
    """Who lands on one page of the two languages finds the other."""
    assert "(patterns-logs.md)" in (DOCS / "patterns.md").read_text()
    assert "(patterns.md)" in (DOCS / "patterns-logs.md").read_text()
