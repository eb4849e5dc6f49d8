"""The rigs of the sinks that call AWS, with the emulator behind each; see rigs.py."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from botocore.exceptions import ClientError

from daemon.clients import AwsClients
from tests.sinks.aws_services import AWS_KINDS
from tests.sinks.rigs import Rig, make_rig


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


@asynccontextmanager
async def ses_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """Mails to somebody of this test's own; what arrives is their subjects, for ministack shows no more."""
    recipient = f"{uuid.uuid4()}@ops.example"
    endpoint_url = (await aws.client("sesv2")).meta.endpoint_url

    async def arrived() -> list[str]:
        async with aiohttp.ClientSession() as session:
            answer = await session.get(f"{endpoint_url}/_ministack/ses/messages")
            accounts = (await answer.json())["messages"]
        return [mail["Subject"] for mails in accounts.values() for mail in mails if recipient in mail["To"]]

    yield make_rig(aws, {"type": "ses", **AWS_KINDS["ses"].options, "recipients": [recipient]}, arrived)


@asynccontextmanager
async def securityhub_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """Findings of a product of this test's own."""
    hub = await aws.client("securityhub")
    with suppress(ClientError):  # another test has enabled it
        await hub.enable_security_hub()
    arn = f"arn:aws:securityhub:us-east-1:123456789012:product/123456789012/{uuid.uuid4()}"

    async def arrived() -> list[str]:
        findings = (await hub.get_findings())["Findings"]
        return [json.dumps(finding) for finding in findings if finding["ProductArn"] == arn]

    yield make_rig(aws, {"type": "securityhub", "product_arn": arn}, arrived)


@asynccontextmanager
async def cloudwatch_rig(aws: AwsClients) -> AsyncIterator[Rig]:
    """A namespace of this test's own; what arrives is the dimensions of each alert counted."""
    cloudwatch, namespace, now = await aws.client("cloudwatch"), f"vigild-{uuid.uuid4()}", datetime.now(UTC)

    async def arrived() -> list[str]:
        counted: list[str] = []
        listed = (await cloudwatch.list_metrics(Namespace=namespace))["Metrics"]
        # moto lists a metric once for each of its data points.
        for metric in {json.dumps(each["Dimensions"]): each for each in listed}.values():
            found = await cloudwatch.get_metric_statistics(
                Namespace=namespace,
                MetricName=metric["MetricName"],
                Dimensions=metric["Dimensions"],
                StartTime=now - timedelta(days=14),
                EndTime=now + timedelta(days=1),
                Period=86_400,
                Statistics=["Sum"],
            )
            counted += [json.dumps(metric["Dimensions"])] * int(sum(point["Sum"] for point in found["Datapoints"]))
        return counted

    yield make_rig(aws, {"type": "cloudwatch", "namespace": namespace}, arrived)


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


AWS_RIGS = {
    "cloudwatch": ("moto", cloudwatch_rig),
    "firehose": ("moto", firehose_rig),
    "kinesis": ("roto", kinesis_rig),
    "securityhub": ("moto", securityhub_rig),
    "ses": ("ministack", ses_rig),
    "sns": ("ministack", sns_rig),
    "sqs": ("roto", sqs_rig),
}
"""By type: the emulator that stands for AWS, and the rig."""
