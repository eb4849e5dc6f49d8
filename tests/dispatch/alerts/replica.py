"""A daemon with one webhook as its target and a clock that is wound by hand; alerts are handed to its dispatcher."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import yaml

from daemon.assembly import Parts
from daemon.dispatch.plan import Match
from daemon.errors import StateError
from daemon.event import Event
from daemon.telemetry.names import Outcome
from tests.clocks import HandWound
from tests.daemons import assembled
from tests.servers import Server

RULES = [
    {"name": "stopped", "severity": "high", "description": "An instance stopped.", "pattern": {"source": ["aws.ec2"]}},
    {"name": "noted", "severity": "low", "description": "Worth a look.", "pattern": {"source": ["aws.s3"]}},
]
NOON = 1_767_355_200.0
"""2026-01-02T12:00:00Z."""
_RENEWAL_SECONDS = 5.0
_LIVED_SECONDS = 20.0
"""More than a session's length: over which a process that stood still is found dead."""


class Replica:
    """One process."""

    def __init__(self, parts: Parts, clock: HandWound) -> None:
        self.parts = parts
        self.clock = clock
        self._numbers = iter(range(1_000_000))

    async def alert(self, *events: Event) -> list[Outcome]:
        """Bring the alerts that the rules make of these events to their end, in one batch."""
        outcomes: list[Outcome] = []
        rules = self.parts.rules
        matches = [Match(event, rules.matched(rules.find(event))) for event in events]
        await self.parts.pipeline.dispatcher.carry_out(matches, lambda _, outcome: outcomes.append(outcome))
        return outcomes

    async def wait(self, seconds: float) -> None:
        """Let time pass, the last of it as for processes that live, then do what is due."""
        end = self.clock.time + seconds
        self.clock.time = max(self.clock.time, end - _LIVED_SECONDS)
        while self.clock.time < end:
            await self.clock.sleep(min(_RENEWAL_SECONDS, end - self.clock.time))
        await self.look()

    async def look(self) -> None:
        """Do what is due now."""
        await self.parts.keeper.look()
        await self.parts.keeper.tell_due()

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's series with these labels."""
        return sum(
            value for found, value in self.parts.telemetry.metrics.values(name) if labels.items() <= found.items()
        )

    async def journal(self) -> list[tuple[str, str]]:
        """Return step and reason of every entry."""
        return [(entry.step, entry.reason) async for entry in self.parts.remediation.context.journal.read()]


def event(number: int, resource: str = "", source: str = "aws.ec2", **more: Any) -> Event:
    """Return an event about a resource; by default about one of its own."""
    body = {
        "id": str(number),
        "source": source,
        "detail-type": "State Change",
        "account": "111122223333",
        "region": "eu-west-1",
        "time": "2026-01-02T11:59:59Z",
        "resources": [resource or f"i-{number}"],
        "detail": {"state": "stopped"},
        **more,
    }
    return Event(f"eventbridge:{number}", orjson.dumps(body), "2026-01-02T11:59:59Z")


@asynccontextmanager
async def replica(folder: Path, server: Server, clock: HandWound, **changes: Any) -> AsyncIterator[Replica]:
    """Yield a process; those that share a folder share its state.  `changes` are to the target's configuration."""
    maintenance = changes.pop("maintenance", {})
    rules = folder / "rules.yaml"
    rules.write_text(yaml.safe_dump({"rules": changes.pop("rules", RULES)}))
    retry = {"base_seconds": 0.01, "cap_seconds": 0.02, "max_attempts": 3}
    config = {
        "rules": [str(rules)],
        "targets": {"hook": {"type": "webhook", "url": server.url, "retry": retry, **changes}},
        "maintenance": maintenance,
        "state": {"path": str(folder / "state.sqlite")},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
    }
    async with assembled(config, clock) as parts:

        async def renew() -> None:
            with suppress(StateError):
                await parts.session.renew()

        clock.meanwhile.append(renew)
        try:
            yield Replica(parts, clock)
        finally:
            clock.meanwhile.remove(renew)


def notes(server: Server) -> list[dict[str, Any]]:
    """Return what the target was told, as the bodies' severity, description and `vigild-group`."""
    bodies = [orjson.loads(request.body) for request in server.requests]
    return [
        {"severity": body["severity"], "description": body["description"], **body["event"].get("vigild-group", {})}
        for body in bodies
    ]


def keys(server: Server) -> list[str]:
    """Return the idempotency keys, in the order of arrival."""
    return [request.headers["Idempotency-Key"] for request in server.requests]
