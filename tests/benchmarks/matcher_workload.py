"""The workloads of bench_matcher.py: events, and rule sets of four sizes.

The project's own are events of the sample day and seeded rules about them; a folder may bring others, as
`events.ndjson` and `rules-<count>.ndjson` with one pattern a line.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from daemon.sample import SamplePlan, write_day
from tests.benchmarks.events import events_in

SIZES = (10, 100, 1_000, 10_000)
_EVENTS = 20_000
_SEED = 7
_CALL = "AWS API Call via CloudTrail"


@dataclass(frozen=True, slots=True)
class Workload:
    """What one run measures on."""

    name: str
    events: list[bytes]
    rules: Mapping[int, dict[str, Any]]
    """Patterns by name, for each size."""


def from_folder(folder: Path) -> Workload:
    """Read a workload."""
    events = (folder / "events.ndjson").read_bytes().splitlines()
    return Workload(folder.name, events, {size: _patterns(folder / f"rules-{size}.ndjson") for size in SIZES})


def _patterns(path: Path) -> dict[str, Any]:
    return {f"rule-{number}": json.loads(line) for number, line in enumerate(path.read_bytes().splitlines())}


def from_sample() -> Workload:
    """Make the project's own workload."""
    with tempfile.TemporaryDirectory() as folder:
        write_day(Path(folder), SamplePlan(events=_EVENTS, seed=_SEED))
        events = events_in(Path(folder))
    return Workload("sample", events, {size: rules(size, events) for size in SIZES})


def rules(count: int, events: list[bytes]) -> dict[str, Any]:
    """Return seeded patterns about what is in the events and what is not, in the shares that rule packs have."""
    writer = _Writer(random.Random(_SEED), events)
    kinds = (
        *[writer.call] * 4,
        *(writer.family, writer.failure, writer.root, writer.network, writer.person, writer.size_or_reach),
    )
    return {f"rule-{number}": kinds[number % len(kinds)](number) for number in range(count)}


class _Writer:
    """Writes patterns as people do, with names drawn at random."""

    def __init__(self, source: random.Random, events: list[bytes]) -> None:
        self._random = source
        details = [(event["source"], event["detail"]) for event in map(orjson.loads, events)]
        self._calls = sorted({(source, detail["eventName"]) for source, detail in details})

    def _call(self, number: int) -> tuple[str, str]:
        """Return source and name of a call; a few happen all day, the others are waited for."""
        source, name = self._random.choice(self._calls)
        return source, name if number % 64 == 0 else f"{name}{number % 997}"

    def call(self, number: int) -> dict[str, Any]:
        """Return a pattern for a few calls of one service."""
        source, name = self._call(number)
        names = [name, *(self._call(number + 5)[1] for _ in range(number % 3))]
        return {"source": [source], "detail-type": [_CALL], "detail": {"eventName": names}}

    def family(self, number: int) -> dict[str, Any]:
        """Return a pattern for all calls that begin or end alike."""
        source, name = self._call(number)
        affix: dict[str, Any] = {"prefix": name} if number % 4 else {"suffix": {"equals-ignore-case": name[3:]}}
        return {"source": [source], "detail": {"eventName": [affix]}}

    def failure(self, number: int) -> dict[str, Any]:
        """Return a pattern for what went wrong."""
        source, name = self._call(number)
        return {
            "source": [source],
            "detail": {
                "eventName": [{"anything-but": [name, f"List{number}"]}],
                "errorCode": [{"wildcard": f"*Unauthorized*{number}"}, f"AccessDenied{number}"],
            },
        }

    def root(self, number: int) -> dict[str, Any]:
        """Return a pattern for what somebody mighty does himself."""
        identity = {"type": ["Root"], "invokedBy": [{"exists": False}]}
        return {"detail": {"eventName": [self._call(number)[1]], "userIdentity": identity}}

    def network(self, number: int) -> dict[str, Any]:
        """Return a pattern for calls from some network."""
        block = f"{number % 223 + 1}.{number // 223 % 255}.0.0/16"
        return {"detail": {"eventName": [self._call(number)[1]], "sourceIPAddress": [{"cidr": block}]}}

    def person(self, number: int) -> dict[str, Any]:
        """Return a pattern for what somebody does with one service."""
        arn = f"arn:aws:*::*:*/{self._random.choice('abcdefgh')}*{number}"
        return {"source": [self._call(number)[0]], "detail": {"userIdentity": {"arn": [{"wildcard": arn}]}}}

    def size_or_reach(self, number: int) -> dict[str, Any]:
        """Return a pattern of alternatives."""
        sizes = {"maxResults": [{"numeric": [">=", number % 1_000, "<", number % 1_000 + 5]}]}
        reach = {"groupId": [f"sg-{number:08x}"]}
        return {
            "detail": {"eventName": [self._call(number)[1]], "requestParameters": {"$or": [sizes, reach]}},
        }
