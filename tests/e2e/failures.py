"""What the tests of failing surroundings share: a queue, a webhook that may fail, and the daemon between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from anyio import to_thread

from tests.e2e.processes import DaemonProcess

RULES = """
rules:
  - name: stopped
    description: An instance stopped.
    severity: high
    pattern: {source: [aws.ec2], detail: {state: [stopped]}}
    targets: [hook]
  - name: told
    description: A rule of the user's own about vigild itself.
    severity: low
    pattern: {source: [vigild], detail-type: [Target Suspended]}
    targets: [own]
"""


def event(number: int) -> str:
    return orjson.dumps(
        {"id": str(UUID(int=number)), "source": "aws.ec2", "detail-type": "x", "detail": {"state": "stopped"}}
    ).decode()


async def queue_of(client: Any, name: str, *bodies: str) -> str:
    """Make a queue with these messages."""
    queue = str((await client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "30"}))["QueueUrl"])
    await send(client, queue, *bodies)
    return queue


async def send(client: Any, queue: str, *bodies: str) -> None:
    for body in bodies:
        await client.send_message(QueueUrl=queue, MessageBody=body)


async def depth(client: Any, queue: str) -> tuple[int, int]:
    """Return how many messages are visible and how many in work."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = (await client.get_queue_attributes(QueueUrl=queue, AttributeNames=names))["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def configuration(folder: Path, queue: str, url: str, endpoint: str, **changes: Any) -> dict[str, Any]:
    (folder / "rules.yaml").write_text(RULES)
    hook = {
        "type": "webhook",
        "url": url,
        "retry": {"base_seconds": 0.05, "cap_seconds": 0.2},
        "breaker": {"failures": 3, "base_seconds": 1, "cap_seconds": 2},
    }
    return {
        "aws": {"region": "us-east-1", "endpoint_url": endpoint},
        "sources": {"queue": {"type": "sqs", "queue_url": queue, "wait_seconds": 1}},
        "rules": [str(folder / "rules.yaml")],
        "targets": {
            "hook": hook | changes.pop("hook", {}),
            "pager": {"type": "file", "path": str(folder / "pager.ndjson")},
            "own": {"type": "file", "path": str(folder / "own.ndjson")},
        },
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
        "state": {"path": str(folder / "state.sqlite")},
        "stop": {"poll_grace_seconds": 0.5, "drain_seconds": 2},
        "failures": {"alert_targets": ["pager", "hook"]},
        **changes,
    }


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file that may not be there yet."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


async def until(process: DaemonProcess, condition: Any, what: str) -> None:
    await to_thread.run_sync(process.wait_for, condition, what)
