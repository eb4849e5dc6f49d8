"""What events cost in calls of the state store: docs/state.md makes a price of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import anyio
import orjson
import pytest
from anyio import to_thread

from daemon.clock import SystemClock
from tests.e2e.processes import run_daemon
from tests.emulators import REGION, Emulator
from tests.faults import FaultProxy
from tests.sources.queues import clients_at, make_queue
from tests.stores import TABLE, dynamodb_at

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RULES = """
rules:
  - name: stopped
    description: An instance stopped.
    pattern: {source: [aws.ec2], detail: {state: [stopped]}}
"""


def event(number: int, state: str) -> str:
    return orjson.dumps(
        {"id": f"{state}-{number}", "source": "aws.ec2", "detail-type": "x", "detail": {"state": state}}
    ).decode()


async def test_an_event_costs_two_writes_an_alert_and_none_without(roto: Emulator, tmp_path: Path) -> None:
    """Of thirty events ten match: ten claims and ten confirmations, no item read, nothing for the other twenty.

    Looks at groups and silences go by the clock, not by events.
    """
    (tmp_path / "rules.yaml").write_text(RULES)
    async with FaultProxy(roto.endpoint_url) as proxy, dynamodb_at(roto.endpoint_url, SystemClock(), tmp_path.name):
        clients = clients_at(roto.endpoint_url)
        queue = await make_queue(clients)
        await queue.send([event(number, "stopped" if number % 3 == 0 else "running") for number in range(30)])
        config = {
            "aws": {"region": REGION, "endpoint_url": proxy.endpoint_url},
            "sources": {"queue": {"type": "sqs", "queue_url": queue.url, "wait_seconds": 1}},
            "rules": [str(tmp_path / "rules.yaml")],
            "targets": {"alerts": {"type": "file", "path": str(tmp_path / "alerts.ndjson")}},
            "dead_letters": {"default": {"type": "file", "path": str(tmp_path / "dead.ndjson")}},
            "state": {"type": "dynamodb", "table_name": TABLE, "namespace": tmp_path.name},
            "dedupe": {"session_seconds": 300},
        }
        with run_daemon(tmp_path, config) as process:
            with anyio.fail_after(60):
                while await queue.depth() != (0, 0):  # noqa: ASYNC110 - what is waited for happens in an emulator
                    await anyio.sleep(0.1)
            assert await to_thread.run_sync(process.stop) == 0
        await clients.close()

    calls = Counter(call for call in proxy.seen if call in {"PutItem", "BatchGetItem", "DeleteItem"})
    session = {"PutItem": 2, "DeleteItem": 1}
    assert len((tmp_path / "alerts.ndjson").read_bytes().splitlines()) == 10
    assert calls - Counter(session) == Counter(PutItem=20)
