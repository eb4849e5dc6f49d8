"""For every sink: the sink, opened or not, and a way to see what arrived at the real thing behind it."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.sinks import SINKS, build
from daemon.sinks.base import Sink, SinkContext
from tests.servers import serve


@dataclass(frozen=True, slots=True)
class Rig:
    """A sink and its other end."""

    sink: Sink
    arrived: Callable[[], Awaitable[list[str]]]
    """Return the bodies that have arrived, in any order; what has been returned does not come again."""


def build_sink(aws: AwsClients, options: dict[str, Any]) -> Sink:
    """Return the sink that a configuration file with these options would give."""
    config = SINKS[options["type"]].config.model_validate(options)
    return build("under-test", config, SinkContext(clock=SystemClock(), aws=aws))


@asynccontextmanager
async def stdout_rig(aws: AwsClients, capfd: pytest.CaptureFixture[str]) -> AsyncIterator[Rig]:
    """Standard output of the test process, in JSON."""
    capfd.readouterr()

    async def arrived() -> list[str]:
        return capfd.readouterr().out.split("\n")[:-1]

    yield Rig(build_sink(aws, {"type": "stdout", "format": "json"}), arrived)


@asynccontextmanager
async def file_rig(aws: AwsClients, directory: Path) -> AsyncIterator[Rig]:
    """A file in a directory that is not there yet."""
    path, seen = directory / "new" / "alerts.ndjson", 0

    async def arrived() -> list[str]:
        nonlocal seen
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        fresh, seen = lines[seen:], len(lines)
        return fresh

    yield Rig(build_sink(aws, {"type": "file", "path": str(path)}), arrived)


@asynccontextmanager
async def webhook_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """An HTTP server."""
    async with serve() as server:

        async def arrived() -> list[str]:
            bodies = [request.body.decode(errors="replace") for request in server.requests]
            server.requests.clear()
            return bodies

        yield Rig(build_sink(aws, {"type": "webhook", "url": server.url}), arrived)


@asynccontextmanager
async def sqs_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """A queue."""
    url = await make_queue(aws)

    async def arrived() -> list[str]:
        return [message["Body"] for message in await drain(aws, url)]

    yield Rig(build_sink(aws, {"type": "sqs", "queue_url": url}), arrived)


@asynccontextmanager
async def sns_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """A topic with a queue subscribed to it."""
    topic, url = await make_topic(aws)

    async def arrived() -> list[str]:
        return [json.loads(message["Body"])["Message"] for message in await drain(aws, url)]

    yield Rig(build_sink(aws, {"type": "sns", "topic_arn": topic}), arrived)


async def make_queue(aws: AwsClients, *, fifo: bool = False) -> str:
    """Return the URL of a new queue."""
    sqs = await aws.client("sqs")
    suffix, attributes = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
    answer = await sqs.create_queue(QueueName=f"alerts-{uuid.uuid4()}{suffix}", Attributes=attributes)
    return str(answer["QueueUrl"])


async def make_topic(aws: AwsClients, *, fifo: bool = False) -> tuple[str, str]:
    """Return the ARN of a new topic and the URL of a queue that gets what is published there."""
    sns, sqs = await aws.client("sns"), await aws.client("sqs")
    suffix, attributes = (".fifo", {"FifoTopic": "true"}) if fifo else ("", {})
    topic = (await sns.create_topic(Name=f"alerts-{uuid.uuid4()}{suffix}", Attributes=attributes))["TopicArn"]
    url = await make_queue(aws, fifo=fifo)
    queue = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    await sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue["Attributes"]["QueueArn"])
    return topic, url


async def drain(aws: AwsClients, queue_url: str) -> list[dict[str, Any]]:
    """Receive and delete until the queue answers empty."""
    sqs = await aws.client("sqs")
    messages: list[dict[str, Any]] = []
    while True:
        answer = await sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        if not answer.get("Messages"):
            return messages
        for message in answer["Messages"]:
            await sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        messages += answer["Messages"]
