"""Makes streams in an emulator, fills and reshards them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import anyio

from daemon.clients import AwsClients


class Stream:
    """A stream of its own for one test."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    async def put(self, bodies: Sequence[bytes | str], key: str | None = None) -> None:
        """Put records, spread over the shards, or all under one key, in order."""
        records = [
            {"Data": body.encode() if isinstance(body, str) else body, "PartitionKey": key or str(number)}
            for number, body in enumerate(bodies)
        ]
        for start in range(0, len(records), 500):
            answer = await self.client.put_records(StreamName=self.name, Records=records[start : start + 500])
            assert answer["FailedRecordCount"] == 0

    async def shards(self) -> dict[str, dict[str, Any]]:
        """Return what ListShards says, by shard."""
        answer = await self.client.list_shards(StreamName=self.name)
        return {shard["ShardId"]: shard for shard in answer["Shards"]}

    async def open_shards(self) -> list[str]:
        """Return the shards that take records."""
        found = await self.shards()
        return [name for name, shard in found.items() if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]

    async def split(self, shard: str) -> None:
        """Split a shard in the middle."""
        span = (await self.shards())[shard]["HashKeyRange"]
        middle = (int(span["StartingHashKey"]) + int(span["EndingHashKey"])) // 2
        await self.client.split_shard(StreamName=self.name, ShardToSplit=shard, NewStartingHashKey=str(middle))
        await self.wait_until_active()

    async def merge(self, left: str, right: str) -> None:
        """Merge two neighbours."""
        await self.client.merge_shards(StreamName=self.name, ShardToMerge=left, AdjacentShardToMerge=right)
        await self.wait_until_active()

    async def wait_until_active(self) -> None:
        """Return when no resharding is under way."""
        with anyio.fail_after(10):
            while True:
                summary = await self.client.describe_stream_summary(StreamName=self.name)
                if summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                    return
                await anyio.sleep(0.02)


async def make_stream(clients: AwsClients, shards: int = 1) -> Stream:
    """Make a stream under a fresh name and wait until it can be used."""
    client = await clients.client("kinesis")
    stream = Stream(client, f"events-{uuid.uuid4()}")
    await client.create_stream(StreamName=stream.name, ShardCount=shards)
    await stream.wait_until_active()
    return stream


def aggregate(records: Sequence[tuple[str, bytes]], *, digest: bytes | None = None) -> bytes:
    """Return the user records (partition key, data) as one record of the Kinesis Producer Library."""
    keys = list(dict.fromkeys(key for key, _ in records))
    message = b"".join(_field(1, key.encode()) for key in keys)
    for key, data in records:
        message += _field(3, b"\x08" + varint(keys.index(key)) + _field(3, data))
    return b"\xf3\x89\x9a\xc2" + message + (digest or hashlib.md5(message, usedforsecurity=False).digest())


def _field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    return bytes(_septets(value))


def _septets(value: int) -> Iterator[int]:
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value
