"""A rule, events that it matches, a webhook that counts what it is told, and the books: for tests of whole daemons."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import orjson
from aiohttp import web

from tests.e2e.processes import DaemonProcess

RULES = """
rules:
  - name: stopped
    description: An instance stopped.
    severity: high
    pattern: {source: [aws.ec2], detail: {state: [stopped]}}
"""


@dataclass(slots=True)
class Hook:
    """A webhook that counts what it took, by idempotency key."""

    url: str = ""
    taken: Counter[str] = field(default_factory=Counter)
    failing: bool = False
    refused: int = 0
    delay_seconds: float = 0.0
    enough: anyio.Event = field(default_factory=anyio.Event)
    """Set once 300 have been taken."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        if self.failing:
            self.refused += 1
            return web.Response(status=500)
        self.taken[request.headers["Idempotency-Key"]] += 1
        if self.taken.total() == 300:
            self.enough.set()
        await anyio.sleep(self.delay_seconds)
        return web.Response()


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    target = Hook()
    runner = web.ServerRunner(web.Server(target.handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    target.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield target
    await runner.cleanup()


def event(number: int, rng: random.Random) -> bytes:
    """Return an EC2 state change; every second one says stopped."""
    return orjson.dumps(
        {
            "version": "0",
            "id": str(UUID(int=number)),
            "detail-type": "EC2 Instance State-change Notification",
            "source": "aws.ec2",
            "account": "111122223333",
            "time": "2026-01-02T03:04:05Z",
            "region": "us-east-1",
            "resources": [],
            "detail": {"state": "stopped" if number % 2 else "running", "instance-id": f"i-{rng.getrandbits(64):x}"},
        }
    )


def alerting(folder: Path, sources: dict[str, Any], url: str, endpoint: str) -> dict[str, Any]:
    """Return the configuration of a daemon that reads these sources and tells the webhook what the rule matches."""
    (folder / "rules.yaml").write_text(RULES)
    return {
        "aws": {"region": "us-east-1", "endpoint_url": endpoint},
        "sources": sources,
        "rules": [str(folder / "rules.yaml")],
        "targets": {"hook": {"type": "webhook", "url": url, "retry": {"base_seconds": 0.2, "cap_seconds": 2}}},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
        "state": {"path": str(folder / "state.sqlite")},
        "dedupe": {"session_seconds": 3},
        "stop": {"poll_grace_seconds": 1, "drain_seconds": 3},
    }


def assert_balanced(*processes: DaemonProcess) -> Counter[str]:
    """Assert received = settled + in flight in each process, all of one scrape; return the outcomes of all together."""
    totals: Counter[str] = Counter()
    for process in processes:
        scrape = process.scrape()
        outcomes = {
            outcome: scrape.total("vigild_events_settled_total", outcome=outcome)
            for outcome in ("matched", "unmatched", "duplicate", "rejected")
        }
        in_flight = scrape.total("vigild_events_in_flight")
        assert scrape.total("vigild_events_received_total") == sum(outcomes.values()) + in_flight
        totals.update({outcome: int(count) for outcome, count in outcomes.items()})
    return totals
