"""Makes the same call through aiobotocore and as a hot call, so that tests can compare them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from botocore import xform_name

from daemon.clients import AwsClients, aws_errors
from daemon.clients.hot_calls import DELETE_MESSAGE_BATCH, GET_RECORDS, RECEIVE_MESSAGE, HotCall, Operation
from daemon.errors import EffectError

T = TypeVar("T")
Outcome = tuple[object, ...]

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
RECEIVE: Mapping[str, object] = {
    "QueueUrl": QUEUE_URL,
    "MaxNumberOfMessages": 10,
    "WaitTimeSeconds": 0,
    "VisibilityTimeout": 30,
    "MessageSystemAttributeNames": ["ApproximateReceiveCount", "MessageGroupId", "SentTimestamp"],
}
DELETE: Mapping[str, object] = {
    "QueueUrl": QUEUE_URL,
    "Entries": [{"Id": "0", "ReceiptHandle": "AQEB+/="}, {"Id": "1", "ReceiptHandle": "ü"}],
}
GET: Mapping[str, object] = {"ShardIterator": "AAAA" * 50, "Limit": 1_000}
OPERATIONS: list[tuple[Operation[Any], Mapping[str, object]]] = [
    (RECEIVE_MESSAGE, RECEIVE),
    (DELETE_MESSAGE_BATCH, DELETE),
    (GET_RECORDS, GET),
]


async def plain_call(aws: AwsClients, operation: Operation[T], params: Mapping[str, object]) -> T:
    """Call through aiobotocore alone, with its errors turned into ours."""
    client = await aws.client(operation.service)
    with aws_errors():
        answer: dict[str, Any] = await getattr(client, xform_name(operation.name))(**params)
        return msgspec.convert(answer, operation.answer)


async def hot_call(aws: AwsClients, operation: Operation[T], params: Mapping[str, object]) -> T:
    """Call the short way."""
    return await (await aws.hot_call(operation))(params)


async def plain_outcome(aws: AwsClients, operation: Operation[Any], params: Mapping[str, object]) -> Outcome:
    """Return what comes of the call through aiobotocore: the answer, or the error in full."""
    try:
        return ("answer", _comparable(await plain_call(aws, operation, params)))
    except EffectError as error:
        return _failure(error)


async def hot_outcome(call: HotCall[Any], params: Mapping[str, object]) -> Outcome:
    """Return what comes of the hot call."""
    try:
        return ("answer", _comparable(await call(params)))
    except EffectError as error:
        return _failure(error)


def _failure(error: EffectError) -> Outcome:
    return (type(error).__name__, error.kind, error.detail, getattr(error, "delay", None))


def _comparable(answer: object) -> object:
    """An arrival is a datetime in aiobotocore's answer and a number in ours, the same to the millisecond."""
    built = msgspec.to_builtins(answer, builtin_types=(bytes,))
    for record, plain in zip(getattr(answer, "Records", ()), built.get("Records", ()), strict=True):
        plain["ApproximateArrivalTimestamp"] = record.arrived_at and round(record.arrived_at, 3)
    return built
