"""A short run of fuzzing.py; `make fuzz` runs it for as long as wanted."""

from __future__ import annotations

import pytest

from tests.match.fuzzing import Fuzzer

_OUTCOMES = {
    *("PatternError", "event matched", "event not matched"),
    *("FilterError", "message matched", "message not matched"),
}


@pytest.mark.parametrize("seed", range(4))
def test_spoiled_input_raises_nothing_but_the_documented_errors(seed: int) -> None:
    """Patterns, filters and events of any shape are taken, or refused in the documented way."""
    fuzzer = Fuzzer(seed)
    for _ in range(300):
        fuzzer.round()
    assert set(fuzzer.outcomes) == _OUTCOMES
