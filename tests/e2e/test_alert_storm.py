"""A storm of events on few resources: budgets hold, people get a handful of notes, nothing is lost or hidden."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import orjson
import pytest
import yaml
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.closing_ssh import vigild
from tests.e2e.estates import ACCOUNT, estate_of
from tests.e2e.failures import depth, queue_of
from tests.e2e.processes import run_daemon
from tests.e2e.watching import assert_balanced
from tests.emulators import REGION, Emulator
from tests.servers import Server, serve

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.anyio]

EVENTS = 10_000
RESOURCES = 100
BUDGET = 20
"""The default: so many an hour in one region."""
ENDINGS = ("done", "declined", "refused", "failed")
RULE = {
    "name": "stopped",
    "description": "An instance stopped.",
    "severity": "high",
    "pattern": {"source": ["aws.ec2"], "detail": {"state": ["stopped"]}},
    "targets": ["alerts"],
    "actions": ["start"],
}


def stopped_event(number: int, instance: str) -> str:
    """Return what EventBridge sends when an instance has stopped."""
    return orjson.dumps(
        {
            "version": "0",
            "id": str(UUID(int=number)),
            "detail-type": "EC2 Instance State-change Notification",
            "source": "aws.ec2",
            "account": ACCOUNT,
            "time": "2026-01-02T03:04:05Z",
            "region": REGION,
            "resources": [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance}"],
            "detail": {"state": "stopped", "instance-id": instance},
        }
    ).decode()


async def stopped_instances(aws: AwsClients) -> list[str]:
    """Start a hundred instances and stop them; return their ids."""
    ec2 = await aws.client("ec2", REGION)
    images = await ec2.describe_images(Owners=["amazon"])
    made = await ec2.run_instances(ImageId=images["Images"][0]["ImageId"], MinCount=RESOURCES, MaxCount=RESOURCES)
    instances = [str(instance["InstanceId"]) for instance in made["Instances"]]
    await ec2.stop_instances(InstanceIds=instances)
    return instances


async def states(aws: AwsClients, instances: list[str]) -> Counter[str]:
    """Return how many of the instances are in which state."""
    ec2 = await aws.client("ec2", REGION)
    found = await ec2.describe_instances(InstanceIds=instances)
    return Counter(
        instance["State"]["Name"] for reservation in found["Reservations"] for instance in reservation["Instances"]
    )


def configuration(folder: Path, queue: str, url: str) -> dict[str, Any]:
    """Return a configuration that starts what has stopped, and tells of both in groups."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"rules": [RULE]}))
    group = {"by": ["rule"], "wait_seconds": 5, "close_after_seconds": 10}
    results = {**group, "by": ["rule", "$.detail.ending", "$.detail.reason"]}
    return {
        "aws": {"region": REGION},
        "sources": {"queue": {"type": "sqs", "queue_url": queue, "wait_seconds": 1, "receivers": 2}},
        "rules": [str(folder / "rules.yaml")],
        "targets": {
            "alerts": {"type": "webhook", "url": f"{url}/alerts", "group": group},
            "results": {"type": "webhook", "url": f"{url}/results", "group": results},
        },
        "actions": {
            "start": {"type": "ec2.start-instances", "mode": "auto", "max_concurrency": 64, "notify": ["results"]}
        },
        "state": {"path": str(folder / "state.sqlite")},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
    }


@pytest.fixture
def _two_clouds(roto: Emulator, moto: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send queues to one emulator and the estate to the other."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", roto.endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", moto.endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.endpoint_url)


async def fill(client: Any, queue: str, instances: list[str]) -> None:
    """Send the storm."""
    entries = [
        {"Id": str(number % 10), "MessageBody": stopped_event(number, instances[number % RESOURCES])}
        for number in range(EVENTS)
    ]
    limiter = anyio.CapacityLimiter(8)

    async def send(some: list[dict[str, str]]) -> None:
        async with limiter:
            await client.send_message_batch(QueueUrl=queue, Entries=some)

    async with anyio.create_task_group() as tasks:
        for start in range(0, EVENTS, 10):
            tasks.start_soon(send, entries[start : start + 10])


def told(server: Server) -> Counter[str]:
    """Return how many alerts the notes to each path count, all together."""
    counts: Counter[str] = Counter()
    for request in server.requests:
        counts[request.path] += orjson.loads(request.body)["event"]["vigild-group"]["count"]
    return counts


@pytest.mark.usefixtures("_two_clouds")
async def test_a_storm_stays_within_budgets_and_is_told_in_a_handful_of_notes(
    tmp_path: Path, moto: Emulator, roto_clients: AwsClients
) -> None:
    """Of ten thousand events on a hundred instances twenty start one; every other one is refused in the journal, and
    every one is in the count of one of a few notes.
    """
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"storm-{tmp_path.name}")
    async with serve() as server, estate_of(moto) as aws:
        instances = await stopped_instances(aws)
        config = configuration(tmp_path, queue, server.url)
        await fill(client, queue, instances)
        with run_daemon(tmp_path, config) as daemon:

            async def wait_for(condition: Any, what: str) -> None:
                await to_thread.run_sync(daemon.wait_for, condition, what, 150)

            await wait_for(lambda: told(server) == {"/alerts": EVENTS, "/results": EVENTS}, "told")
            books = assert_balanced(daemon)
            ended = Counter({ending: daemon.metric("vigild_actions_total", ending=ending) for ending in ENDINGS})
            print(f"CPU of the daemon: {daemon.metric('process_cpu_seconds_total')} s")
            assert await to_thread.run_sync(daemon.stop) == 0
        assert await states(aws, instances) == {"running": BUDGET, "stopped": RESOURCES - BUDGET}
        assert await depth(client, queue) == (0, 0)
    verified = await to_thread.run_sync(vigild, tmp_path, config, "journal", "verify")
    exported = await to_thread.run_sync(vigild, tmp_path, config, "journal", "export")

    assert books == {"matched": EVENTS, "unmatched": 0, "duplicate": 0, "rejected": 0}
    assert (ended["done"], ended.total()) == (BUDGET, EVENTS)
    assert len(server.requests) < 20
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert len(keys) == len(set(keys))
    entries = [orjson.loads(line) for line in exported.stdout.splitlines()]
    assert "every link holds" in verified.stdout
    assert Counter(entry["step"] for entry in entries) == Counter({**ended, "begun": BUDGET})
    assert len({entry["intent"] for entry in entries if entry["step"] != "begun"}) == EVENTS
