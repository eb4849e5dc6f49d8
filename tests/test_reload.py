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
from daemon.event import Delivery
from daemon.settings import Settings, load_settings
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


RULES_OF_ALL_KINDS = """
rules:
  - {name: made, description: d, pattern: {source: [aws.ec2], detail: {eventName: [A], userIdentity: {type: [Root]}}}}
  - {name: told, description: d, log: {groups: ["/app/*"], filter: '{ $.user.name = "root" && $.level = "ERROR" }'}}
"""
TRAIL = (
    b'{"Records": [{"eventID": "1", "eventSource": "ec2.amazonaws.com", "eventType": "AwsApiCall", "eventName": "A"}]}'
)


@pytest.fixture
def varied(tmp_path: Path) -> Settings:
    (tmp_path / "rules.yaml").write_text(RULES_OF_ALL_KINDS)
    return load_settings(
        None, {"rules": [str(tmp_path / "rules.yaml")], "state": {"path": str(tmp_path / "state.sqlite")}}
    )


async def test_a_reload_leaves_nothing_behind(varied: Settings) -> None:
    """What refers to itself and is set aside from the collector is never freed: types by which events are read."""
    clock = SystemClock()
    telemetry = build_telemetry(LogFormat.JSON, LogLevel.ERROR, clock)
    frozen: list[int] = []
    async with assemble(varied, telemetry, clock, random.Random(7)) as parts:
        sieve = parts.pipeline.sieve
        gc.collect()
        for _ in range(12):
            await reload_rules(parts)
            frozen.append(gc.get_freeze_count())
            delivery = Delivery(source="files", identity="1", body=TRAIL, receipt=None, received_at=0.0)
            assert list(sieve.decoder.decode_wanted(delivery, sieve.rules.matcher.screen, sieve.rules.logs.held))
    gc.unfreeze()

    assert frozen[-1] - frozen[1] < 40


RULE_WITH_ACTION = """
rules:
  - {{name: stopped, description: d, pattern: {{source: [aws.ec2]}}, actions: [start]}}
actions:
  start: {{type: ec2.start-instances, mode: {mode}}}
"""


@pytest.fixture
def armed(tmp_path: Path) -> Settings:
    (tmp_path / "rules.yaml").write_text(RULE_WITH_ACTION.format(mode="auto"))
    return load_settings(
        None, {"rules": [str(tmp_path / "rules.yaml")], "state": {"path": str(tmp_path / "state.sqlite")}}
    )


async def test_a_reload_says_that_actions_are_not_read_again(armed: Settings) -> None:
    """Who sets an action back to shadow and reloads must not believe that it is: the old rules stay, with an error."""
    clock = SystemClock()
    telemetry = build_telemetry(LogFormat.JSON, LogLevel.ERROR, clock)
    async with assemble(armed, telemetry, clock, random.Random(7)) as parts:
        rules = parts.pipeline.sieve.rules
        armed.rules[0].write_text(RULE_WITH_ACTION.format(mode="shadow"))
        await reload_rules(parts)
        assert parts.pipeline.sieve.rules is rules

        armed.rules[0].write_text(RULE_WITH_ACTION.format(mode="auto"))
        await reload_rules(parts)
        assert parts.pipeline.sieve.rules is not rules

    results = {labels["result"]: value for labels, value in telemetry.metrics.values("reloads_total")}
    assert results == {"failed": 1, "ok": 1}
