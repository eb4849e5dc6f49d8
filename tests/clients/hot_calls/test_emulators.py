"""Against emulated AWS, a hot call has the same answer as aiobotocore."""

from __future__ import annotations

import os
import uuid

import pytest

from daemon.clients.hot_calls import DELETE_MESSAGE_BATCH, GET_RECORDS, RECEIVE_MESSAGE
from daemon.errors import FailureKind, PermanentError
from tests.clients.hot_calls.both_ways import RECEIVE, hot_call, plain_call
from tests.emulators import Emulator, clients_of

pytestmark = pytest.mark.anyio

BODIES = ["plain", "grüße \U0001f600", '{"json": "\\n"}', "x" * 200_000]


@pytest.fixture(params=["roto", "ministack", "moto"])
def emulator(request: pytest.FixtureRequest) -> Emulator:
    """Return each emulator that speaks SQS and Kinesis, in turn."""
    running: Emulator = request.getfixturevalue(request.param)
    return running


async def test_messages_are_received_and_deleted(emulator: Emulator) -> None:
    """What aiobotocore reads of a queue, the hot call reads too, and it deletes with the handles it got."""
    aws = clients_of(emulator)
    client = await aws.client("sqs")
    url = (await client.create_queue(QueueName=f"orders-{uuid.uuid4()}"))["QueueUrl"]
    for body in BODIES:
        await client.send_message(QueueUrl=url, MessageBody=body)
    params = {**RECEIVE, "QueueUrl": url, "VisibilityTimeout": 0}

    plain = {message.MessageId: message for message in (await plain_call(aws, RECEIVE_MESSAGE, params)).Messages}
    hot = {message.MessageId: message for message in (await hot_call(aws, RECEIVE_MESSAGE, params)).Messages}
    for message_id in plain.keys() & hot.keys():
        assert hot[message_id].Body == plain[message_id].Body
        assert hot[message_id].Attributes["ApproximateReceiveCount"] == "2"
        assert hot[message_id].Attributes.keys() == plain[message_id].Attributes.keys()
    assert sorted(message.Body for message in hot.values()) == sorted(BODIES)

    last = (await hot_call(aws, RECEIVE_MESSAGE, {**params, "VisibilityTimeout": 60})).Messages
    entries = [{"Id": str(place), "ReceiptHandle": message.ReceiptHandle} for place, message in enumerate(last)]
    done = await hot_call(aws, DELETE_MESSAGE_BATCH, {"QueueUrl": url, "Entries": entries})
    assert [entry.Id for entry in done.Successful] == [str(place) for place in range(len(BODIES))]
    await aws.close()


async def test_an_entry_that_fails_is_named_the_same(emulator: Emulator) -> None:
    """A handle that is none is refused in the same words, or accepted alike."""
    aws = clients_of(emulator)
    client = await aws.client("sqs")
    url = (await client.create_queue(QueueName=f"orders-{uuid.uuid4()}"))["QueueUrl"]
    params = {"QueueUrl": url, "Entries": [{"Id": "0", "ReceiptHandle": "none of yours"}]}

    hot = await hot_call(aws, DELETE_MESSAGE_BATCH, params)

    assert hot == await plain_call(aws, DELETE_MESSAGE_BATCH, params)
    assert len(hot.Failed) + len(hot.Successful) == 1
    await aws.close()


async def test_a_queue_that_is_not_there_is_the_same_error(emulator: Emulator) -> None:
    """Emulators put it in different words; each is translated alike both ways."""
    aws = clients_of(emulator)
    params = {**RECEIVE, "QueueUrl": f"{emulator.endpoint_url}/123456789012/nowhere"}
    failures = []
    for way in (plain_call, hot_call):
        with pytest.raises(PermanentError) as failure:
            await way(aws, RECEIVE_MESSAGE, params)
        failures.append(str(failure.value))
        assert failure.value.kind is FailureKind.NOT_FOUND
    assert failures[0] == failures[1]
    await aws.close()


async def test_records_are_read(emulator: Emulator) -> None:
    """Data, keys, numbers and arrival of a stream's records are aiobotocore's."""
    aws = clients_of(emulator)
    client = await aws.client("kinesis")
    stream = f"trail-{uuid.uuid4()}"
    await client.create_stream(StreamName=stream, ShardCount=1)
    await client.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    for _ in range(3):
        await client.put_record(StreamName=stream, Data=os.urandom(3_000), PartitionKey="grüße")
    shard = (await client.list_shards(StreamName=stream))["Shards"][0]["ShardId"]
    iterator = (await client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"))[
        "ShardIterator"
    ]
    params = {"ShardIterator": iterator, "Limit": 100}

    hot = await hot_call(aws, GET_RECORDS, params)
    plain = await plain_call(aws, GET_RECORDS, params)

    assert len(hot.Records) == 3
    for ours, theirs in zip(hot.Records, plain.Records, strict=True):
        assert (ours.Data, ours.PartitionKey, ours.SequenceNumber) == (
            theirs.Data,
            theirs.PartitionKey,
            theirs.SequenceNumber,
        )
        assert ours.arrived_at == pytest.approx(theirs.arrived_at, abs=0.001)
    assert hot.NextShardIterator
    await aws.close()
