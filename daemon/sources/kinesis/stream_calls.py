"""The calls of one Kinesis stream, and nothing else: the files beside this one talk to Kinesis through this class only.

Answers are turned into our own types here or in clients/hot_calls/, errors in clients/.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from daemon.clients import AwsClients, answered, aws_errors
from daemon.clients.hot_calls import GET_RECORDS, HotCall, RecordsPage
from daemon.errors import PermanentError
from daemon.sources.kinesis.checkpoints import At, Position
from daemon.sources.kinesis.shards import Shard


class IteratorExpired(Exception):  # noqa: N818 - expected every time reading pauses for more than five minutes
    """Raised by `records` when the iterator is older than five minutes: ask for a new one."""


class Listing(msgspec.Struct, frozen=True):
    """The shards of a stream."""

    shards: dict[str, Shard]
    """By id: open ones, and closed ones as long as the stream keeps their records."""
    server_time: float | None
    """When AWS said so, by its own clock, in seconds since the epoch; whole seconds, rounded down."""


class StreamAddress(msgspec.Struct, frozen=True):
    """Names a stream: by ARN, or by name in the caller's own account; region None: the default, or the ARN's."""

    arn: str | None
    name: str | None
    region: str | None = None

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.name or (self.arn or "").rpartition("/")[2]


class StreamCalls:
    """The calls of one stream; every one raises RetryableError or PermanentError."""

    def __init__(self, aws: AwsClients, address: StreamAddress) -> None:
        self._aws = aws
        self._region = address.region or (address.arn.split(":")[3] if address.arn else None)
        self._arn = address.arn
        self._stream = {"StreamARN": address.arn} if address.arn else {"StreamName": address.name}
        self._get_records: HotCall[RecordsPage] | None = None

    async def list_shards(self) -> Listing:
        """Return all shards (ListShards, every page)."""
        client = await self._client()
        shards: dict[str, Shard] = {}
        server_time: float | None = None
        arguments: Mapping[str, Any] = self._stream
        while True:
            with aws_errors():
                answer = await client.list_shards(**arguments)
                for found in answered(answer, "Shards"):
                    shards[found["ShardId"]] = _shard(found)
            if server_time is None:
                server_time = _server_time(answer)
            token = answer.get("NextToken")
            if token is None:
                return Listing(shards, server_time)
            arguments = {"NextToken": token}

    async def iterator(self, shard: str, position: Position) -> str:
        """Return an iterator that begins at the position (GetShardIterator)."""
        arguments: dict[str, Any] = {"ShardIteratorType": str(position.at)}
        if position.at is At.AFTER:
            arguments["StartingSequenceNumber"] = position.sequence
        elif position.at is At.AT_TIMESTAMP:
            arguments["Timestamp"] = datetime.fromtimestamp(position.timestamp, UTC)
        client = await self._client()
        with aws_errors():
            answer = await client.get_shard_iterator(**self._stream, ShardId=shard, **arguments)
        return str(answered(answer, "ShardIterator"))

    async def records(self, iterator: str, most: int) -> RecordsPage:
        """Return up to `most` records from the iterator on (GetRecords).  Raises IteratorExpired, too."""
        if self._get_records is None:
            self._get_records = await self._aws.hot_call(GET_RECORDS, self._region)
        address = {"StreamARN": self._arn} if self._arn else {}
        try:
            return await self._get_records({"ShardIterator": iterator, "Limit": most, **address})
        except PermanentError as error:
            if error.code == "ExpiredIteratorException":
                raise IteratorExpired from error
            raise

    async def _client(self) -> Any:
        return await self._aws.client("kinesis", self._region)


def _shard(found: Mapping[str, Any]) -> Shard:
    parents = (found.get("ParentShardId"), found.get("AdjacentParentShardId"))
    return Shard(
        id=found["ShardId"],
        parents=tuple(parent for parent in parents if parent is not None),
        closed="EndingSequenceNumber" in found["SequenceNumberRange"],
    )


def _server_time(answer: Mapping[str, Any]) -> float | None:
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
