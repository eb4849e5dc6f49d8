"""The judge of repetitions: what it excuses, and what it must not."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from tests.faultsuite.judging import Journal, is_excused, read_journal
from tests.faultsuite.storm import Telling

KEY = "5f0c"
CONFIRMED = {"event": "intent finished", "intent": KEY}
FAILED = {"event": "attempt failed", "intent": KEY}
OVERRUN = {"event": "claim taken over before the effect was confirmed, it may be repeated", "intent": KEY}
LAPSED = {"event": "session had lapsed", "seconds": 30.0, "timestamp": "1970-01-01T00:02:00Z"}
"""From second 90 to second 120."""


def journal(*lines: Mapping[str, object], was_killed: bool = False) -> Journal:
    return read_journal(b"\n".join(map(orjson.dumps, lines)) + b'\n{"event": "cut sh', was_killed=was_killed)


SURVIVOR = journal(CONFIRMED)


@pytest.mark.parametrize(
    ("caught", "is_fine"),
    [
        (journal(was_killed=True), True),
        (journal(CONFIRMED, was_killed=True), False),
        (journal(), False),
        (journal(FAILED), False),
        (journal(OVERRUN, CONFIRMED, LAPSED), True),
        (journal(OVERRUN, CONFIRMED), False),
    ],
    ids=[
        "killed",
        "killed after confirming",
        "alive",
        "alive, without an answer",
        "lapsed",
        "taken over for no reason",
    ],
)
def test_an_alert_comes_again_only_where_its_teller_was_caught(caught: Journal, is_fine: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """Killed before it confirmed, or away for longer than its session."""
    tellings = [Telling(100.0, "0"), Telling(140.0, "1")]

    assert is_excused(KEY, tellings, {"0": caught, "1": SURVIVOR}) is is_fine


@pytest.mark.parametrize(("teller", "is_fine"), [(journal(FAILED, CONFIRMED), True), (journal(CONFIRMED), False)])
def test_one_teller_tells_twice_only_without_an_answer(teller: Journal, is_fine: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """A retry of an attempt that failed."""
    assert is_excused(KEY, [Telling(100.0, "0"), Telling(101.0, "0")], {"0": teller}) is is_fine
