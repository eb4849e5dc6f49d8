"""Rules reloaded under full load: every event meets one generation of rules, whole."""

from __future__ import annotations

import gc
import random
import sys
from pathlib import Path

import pytest

from daemon.app import reload_rules
from daemon.assembly import assemble
from daemon.clock import SystemClock
from daemon.settings import Settings
from daemon.telemetry import build_telemetry
from daemon.telemetry.log import LogFormat, LogLevel
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


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    return prepare(tmp_path, rules=3_000, events=1_000)


async def test_the_collector_never_goes_through_new_rules(small: Settings) -> None:
    """They are set aside before it goes on: no thread waits while it looks at hundreds of thousands of objects."""
    young: list[int] = []

    def collecting(phase: str, _: object) -> None:
        if phase == "start":
            young.append(len(gc.get_objects(generation=0)))

    clock = SystemClock()
    telemetry = build_telemetry(LogFormat.JSON, LogLevel.ERROR, clock)
    async with assemble(small, telemetry, clock, random.Random(7)) as parts:
        turns = sys.getswitchinterval()
        before = gc.get_freeze_count()
        gc.callbacks.append(collecting)
        try:
            await reload_rules(parts)
            gc.collect(0)
        finally:
            gc.callbacks.remove(collecting)
            frozen = gc.get_freeze_count() - before
            gc.unfreeze()
        assert len(parts.pipeline.sieve.rules.rules) == 3_000
        assert sys.getswitchinterval() == turns
    assert frozen > 30_000
    assert max(young) < 10_000
