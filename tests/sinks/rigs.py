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
from tests.secret_stores import secrets_of
from tests.servers import serve


@dataclass(frozen=True, slots=True)
class Rig:
    """A sink and its other end."""

    sink: Sink
    options: dict[str, Any]
    """What the configuration file says of it."""
    arrived: Callable[[], Awaitable[list[str]]]
    """Return the bodies that have arrived, in any order; what has been returned does not come again."""


def build_sink(aws: AwsClients, options: dict[str, Any]) -> Sink:
    """Return the sink that a configuration file with these options would give."""
    config = SINKS[options["type"]].config.model_validate(options)
    return build("under-test", config, SinkContext(SystemClock(), aws, secrets_of(aws)))


def make_rig(aws: AwsClients, options: dict[str, Any], arrived: Callable[[], Awaitable[list[str]]]) -> Rig:
    """Return the rig of a sink with these options."""
    return Rig(build_sink(aws, options), options, arrived)


@asynccontextmanager
async def stdout_rig(aws: AwsClients, capfd: pytest.CaptureFixture[str]) -> AsyncIterator[Rig]:
    """Standard output of the test process, in JSON."""
    capfd.readouterr()

    async def arrived() -> list[str]:
        return capfd.readouterr().out.split("\n")[:-1]

    yield make_rig(aws, {"type": "stdout", "format": "json"}, arrived)


@asynccontextmanager
async def file_rig(aws: AwsClients, directory: Path) -> AsyncIterator[Rig]:
    """A file in a directory that is not there yet."""
    path, seen = directory / "new" / "alerts.ndjson", 0

    async def arrived() -> list[str]:
        nonlocal seen
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        fresh, seen = lines[seen:], len(lines)
        return fresh

    yield make_rig(aws, {"type": "file", "path": str(path)}, arrived)


@asynccontextmanager
async def webhook_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """An HTTP server."""
    async with serve() as server:

        async def arrived() -> list[str]:
            bodies = [request.body.decode(errors="replace") for request in server.requests]
            server.requests.clear()
            return bodies

        yield make_rig(aws, {"type": "webhook", "url": server.url}, arrived)


@asynccontextmanager
async def sqs_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """A queue."""
    url = await make_queue(aws)

    async def arrived() -> list[str]:
        return [message["Body"] for message in await drain(aws, url)]

    yield make_rig(aws, {"type": "sqs", "queue_url": url}, arrived)


@asynccontextmanager
async def sns_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """A topic with a queue subscribed to it."""
    topic, url = await make_topic(aws)

    async def arrived() -> list[str]:
        return [json.loads(message["Body"])["Message"] for message in await drain(aws, url)]

    yield make_rig(aws, {"type": "sns", "topic_arn": topic}, arrived)


@asynccontextmanager
async def kinesis_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """A stream of two shards."""
    kinesis = await aws.client("kinesis")
    name = f"alerts-{uuid.uuid4()}"
    await kinesis.create_stream(StreamName=name, ShardCount=2)
    await kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    arn = (await kinesis.describe_stream_summary(StreamName=name))["StreamDescriptionSummary"]["StreamARN"]
    shards = (await kinesis.list_shards(StreamName=name))["Shards"]
    places = [
        (await kinesis.get_shard_iterator(StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"))[
            "ShardIterator"
        ]
        for shard in shards
    ]

    async def arrived() -> list[str]:
        bodies: list[str] = []
        for shard, place in enumerate(places):
            answer = await kinesis.get_records(ShardIterator=place)
            places[shard] = answer["NextShardIterator"]
            bodies += [record["Data"].decode() for record in answer["Records"]]
        return bodies

    yield make_rig(aws, {"type": "kinesis", "stream_arn": arn}, arrived)


@asynccontextmanager
async def firehose_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """A stream that writes files into a bucket."""
    s3, firehose = await aws.client("s3"), await aws.client("firehose")
    name = f"alerts-{uuid.uuid4()}"
    await s3.create_bucket(Bucket=name)
    place = {"RoleARN": "arn:aws:iam::123456789012:role/firehose", "BucketARN": f"arn:aws:s3:::{name}"}
    made = await firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=place)

    async def arrived() -> list[str]:
        bodies: list[str] = []
        for found in (await s3.list_objects_v2(Bucket=name)).get("Contents", []):
            content = await (await s3.get_object(Bucket=name, Key=found["Key"]))["Body"].read()
            bodies += content.decode().split("\n")[:-1]
            await s3.delete_object(Bucket=name, Key=found["Key"])
        return bodies

    yield make_rig(aws, {"type": "firehose", "stream_arn": made["DeliveryStreamARN"]}, arrived)


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
