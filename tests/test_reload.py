"""Rules reloaded under full load: every event meets one generation of rules, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.settings import Settings
from tests.reloading import prepare, run_with_reloads

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return prepare(tmp_path, rules=10_000, events=60_000)


async def test_no_event_is_missed_or_matched_twice_while_ten_thousand_rules_are_swapped(settings: Settings) -> None:
    """A rule that matches everything, in each generation, counts each event of the run once."""
    outcome = await run_with_reloads(settings)
    assert outcome.reloads >= 1
    assert outcome.received >= 60_000
    assert 60_000 <= outcome.new == outcome.matched_by_all
