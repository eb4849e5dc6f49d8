import json

import pytest

from daemon.errors import FilterError
from daemon.match.logs import FilterPattern
from tests.match.pages import Step, steps

_PICTURES = str.maketrans({"␉": "\t", "␊": "\n", "␍": "\r"})
STEPS = list(steps("patterns-logs.md", "filter", ("pattern", "match", "no match", "fields", "refused", "at")))


@pytest.mark.parametrize("step", STEPS, ids=[f"line {step.line}" for step in STEPS])
def test_the_page_says_what_happens(step: Step) -> None:
    """Every pattern of the normative page matches, extracts or is refused as the page says."""
    match step.keyword:
        case "match" | "no match":
            found = FilterPattern(step.pattern).match(step.text.translate(_PICTURES))
            assert (found is not None) == (step.keyword == "match")
        case "fields":
            found = FilterPattern(step.pattern).match(step.example.translate(_PICTURES))
            assert found == json.loads(step.text.translate(_PICTURES), strict=False)
        case "at":
            with pytest.raises(FilterError) as raised:
                FilterPattern(step.pattern)
            assert raised.value.position == int(step.text)


def test_every_refused_pattern_has_a_position() -> None:
    """Each `refused` line of the page is followed by its `at` line, so none goes untested."""
    keywords = [step.keyword for step in STEPS]
    refused = [number for number, keyword in enumerate(keywords) if keyword == "refused"]

    assert all(keywords[number + 1] == "at" for number in refused)
    assert len(refused) > 30
