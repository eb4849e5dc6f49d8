import json
from pathlib import Path
from typing import Any

import pytest

from daemon.match.logs import FilterPattern

DATA = Path(__file__).parent / "data"
VECTORS: list[dict[str, Any]] = json.loads((DATA / "cloudwatch-logs-filters.json").read_text())
CIS: list[dict[str, Any]] = json.loads((DATA / "cis-metric-filters.json").read_text())


def _cis_cases() -> list[tuple[str, str, bool]]:
    cases = []
    for control in CIS:
        if control["pattern"] is None:
            continue
        matching, other = json.dumps(control["matching_event"]), json.dumps(control["non_matching_event"])
        cases += [(control["pattern"], matching, True), (control["pattern"], other, False)]
        for variant in control.get("variants", ()):
            cases.append((variant["pattern"], matching, variant["matches_matching_event"]))
            cases.append((variant["pattern"], other, variant["matches_non_matching_event"]))
        extras = control.get("extra_events", ())
        cases += [(extra["pattern"], json.dumps(extra["event"]), extra["match"]) for extra in extras]
    return cases


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['pattern']} | {vector['message'][:40]}")
def test_agrees_with_the_documented_examples(vector: dict[str, Any]) -> None:
    """AWS's own examples match, and extract, as its documentation prints them."""
    found = FilterPattern(vector["pattern"]).match(vector["message"])
    assert (found is not None) == vector["match"]
    if vector["extracted"] is not None:
        assert found == vector["extracted"]


@pytest.mark.parametrize(("pattern", "message", "expected"), _cis_cases())
def test_agrees_with_the_cis_filters(pattern: str, message: str, expected: bool) -> None:  # noqa: FBT001
    """The metric filters of the CIS AWS Foundations Benchmark see what they are meant to see."""
    assert (FilterPattern(pattern).match(message) is not None) == expected
