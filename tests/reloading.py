"""A pipeline under full load whose rules are reloaded while it runs: for the test of its books and the benchmark."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from daemon.app import reload_rules
from daemon.assembly import Parts, assemble
from daemon.clock import SystemClock
from daemon.sample import SamplePlan, write_day
from daemon.settings import Settings, load_settings
from daemon.telemetry import build_telemetry
from daemon.telemetry.log import LogFormat, LogLevel


@dataclass(slots=True)
class Outcome:
    """What one run came to."""

    received: float
    new: float
    """Events that rules were asked about: neither rejected nor seen before."""
    matched_by_all: float
    """Matches of the one rule that every event matches, in every generation."""
    reloads: int
    """How often new rules came into force during it."""
    latest: float
    """By how many seconds the event loop was late at most."""


def write_rules(path: Path, count: int) -> None:
    """Write a file of rules, of which the first matches every event."""
    patterns: dict[str, Any] = {"all": {"source": [{"exists": True}]}}
    for number in range(count - 1):
        patterns[f"rule-{number}"] = {"detail": {"eventName": [f"Made{number}", {"prefix": f"Up{number}"}]}}
    lines = (
        f"  - {{name: {name}, description: made up, targets: [], pattern: {json.dumps(pattern)}}}"
        for name, pattern in patterns.items()
    )
    path.write_text("\n".join(["rules:", *lines, ""]))


def prepare(folder: Path, rules: int, events: int) -> Settings:
    """Write a sample day and rules, and return the settings of a run over them."""
    folder.mkdir(exist_ok=True)
    write_day(folder / "events", SamplePlan(events=events, seed=7))
    write_rules(folder / "rules.yaml", rules)
    return load_settings(
        None,
        {
            "rules": [str(folder / "rules.yaml")],
            "sources": {"files": {"type": "file", "paths": [str(folder / "events")]}},
            "default_targets": [],
            "state": {"path": str(folder / "state.sqlite")},
            "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
        },
    )


async def run_with_reloads(settings: Settings, *, reloading: bool = True) -> Outcome:
    """Match everything, while the rules are loaded again and again."""
    clock = SystemClock()
    telemetry = build_telemetry(LogFormat.JSON, LogLevel.ERROR, clock)

    outcome = Outcome(0.0, 0.0, 0.0, 0, 0.0)
    async with assemble(settings, telemetry, clock, random.Random(7)) as parts:
        await parts.session.renew()
        async with anyio.create_task_group() as group:
            group.start_soon(_beat, outcome)
            if reloading:
                group.start_soon(_reload, parts, outcome)
            await parts.pipeline.run()
            group.cancel_scope.cancel()
    settled = {labels["outcome"]: value for labels, value in telemetry.metrics.values("events_settled_total")}
    outcome.received = sum(settled.values())
    outcome.new = settled["matched"] + settled["unmatched"]
    matches = telemetry.metrics.values("rule_matches_total")
    outcome.matched_by_all = sum(value for labels, value in matches if labels["rule"] == "all")
    return outcome


async def _reload(parts: Parts, outcome: Outcome) -> None:
    while True:
        before = parts.pipeline.sieve.rules
        await reload_rules(parts)
        outcome.reloads += parts.pipeline.sieve.rules is not before


async def _beat(outcome: Outcome) -> None:
    while True:
        asked = time.perf_counter()
        await anyio.sleep(0.001)
        outcome.latest = max(outcome.latest, time.perf_counter() - asked - 0.001)
