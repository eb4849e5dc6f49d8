"""A target or a queue that is down holds up its own source, not the others."""

from __future__ import annotations

from pathlib import Path

import anyio
import orjson
import pytest

from daemon.clients import AwsClients
from tests.daemons import running_daemon
from tests.emulators import REGION, Emulator
from tests.faults import Answer, FaultProxy, Forward, Hangup
from tests.servers import serve, status
from tests.sources.queues import Queue, make_queue
from tests.sources.running import until

pytestmark = pytest.mark.anyio

RULES = """
rules:
  - {name: many, description: Many., severity: low, pattern: {source: [many]}, targets: [down]}
  - {name: few, description: Few., severity: high, pattern: {source: [few]}, targets: [alerts]}
"""


def write_events(path: Path, source: str, count: int) -> None:
    event: dict[str, object] = {"source": source, "detail-type": "t", "account": "111122223333", "region": "eu-west-1"}
    event |= {"time": "2026-01-01T00:00:00Z", "resources": [], "detail": {}}
    lines = [orjson.dumps({"id": f"{source}-{number}", **event}) for number in range(count)]
    path.write_bytes(b"".join(line + b"\n" for line in lines))


async def test_a_batch_full_of_matches_for_a_target_that_is_down_holds_up_no_other_source(tmp_path: Path) -> None:
    """More matches than a chunk has wait for a webhook that is down; another source's alert arrives all the same."""
    (tmp_path / "rules.yaml").write_text(RULES)
    for name in ("many", "few"):
        (tmp_path / name).mkdir()
    write_events(tmp_path / "many" / "events.ndjson", "many", 1_500)
    alerts = tmp_path / "alerts.ndjson"
    async with serve(status(503)) as down:
        config = {
            "sources": {
                name: {"type": "file", "paths": [str(tmp_path / name)], "follow": True} for name in ("many", "few")
            },
            "rules": [str(tmp_path / "rules.yaml")],
            "targets": {"down": {"type": "webhook", "url": down.url}, "alerts": {"type": "file", "path": str(alerts)}},
            "state": {"path": str(tmp_path / "state.sqlite")},
            "dead_letters": {"default": {"type": "file", "path": str(tmp_path / "dead.ndjson")}},
        }
        async with running_daemon(config):
            await until(lambda: len(down.requests) > 0)
            write_events(tmp_path / "few" / "events.ndjson", "few", 1)
            await until(lambda: alerts.exists() and alerts.read_bytes().count(b"\n") == 1)


async def redrive_to(letters: Queue) -> dict[str, object]:
    answer = await letters.client.get_queue_attributes(QueueUrl=letters.url, AttributeNames=["QueueArn"])
    return {"deadLetterTargetArn": answer["Attributes"]["QueueArn"], "maxReceiveCount": 3}


async def test_a_queue_that_does_not_answer_holds_up_the_settling_of_no_other(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """One queue is asked to show a message again and says nothing; what came from the other is deleted meanwhile."""
    asked = anyio.Event()

    async def silent(_: Forward) -> Answer:
        asked.set()
        await anyio.sleep_forever()
        raise Hangup

    async with FaultProxy(roto.endpoint_url) as proxy:
        letters, fine = [await make_queue(roto_clients) for _ in range(2)]
        stuck = await make_queue(roto_clients, RedrivePolicy=orjson.dumps(await redrive_to(letters)).decode())
        proxy.add("ChangeMessageVisibilityBatch", silent)
        config = {
            "aws": {"region": REGION, "endpoint_url": proxy.endpoint_url},
            "sources": {
                "stuck": {"type": "sqs", "queue_url": stuck.url, "wait_seconds": 1, "dead_letter": "redrive"},
                "fine": {"type": "sqs", "queue_url": fine.url, "wait_seconds": 1},
            },
            "state": {"path": str(tmp_path / "state.sqlite")},
        }
        async with running_daemon(config):
            await stuck.send(["not JSON"])
            await asked.wait()
            await fine.send(["{}"])
            with anyio.fail_after(10):
                while await fine.depth() != (0, 0):  # noqa: ASYNC110 - what is waited for happens in an emulator
                    await anyio.sleep(0.05)
