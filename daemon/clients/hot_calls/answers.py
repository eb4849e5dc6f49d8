"""The answers of the hot calls as types: what they name is read, everything else is skipped.

call.py decodes into them; the callers in sources/ read them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class ReceivedMessage(msgspec.Struct, frozen=True, gc=False):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Message.html"""

    MessageId: str
    ReceiptHandle: str
    Body: str
    Attributes: dict[str, str] = {}


class ReceivedMessages(msgspec.Struct, frozen=True, gc=False):
    """The answer to ReceiveMessage; an empty poll has no list at all."""

    Messages: list[ReceivedMessage] = []


class DoneEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry of a batch that went well."""

    Id: str


class FailedEntry(msgspec.Struct, frozen=True, gc=False):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_BatchResultErrorEntry.html"""

    Id: str
    Code: str = ""
    SenderFault: bool = False
    Message: str = ""


class BatchAnswer(msgspec.Struct, frozen=True, gc=False):
    """The answer to DeleteMessageBatch, and to SQS's other batch calls: every entry is in one of the lists."""

    Successful: list[DoneEntry] = []
    Failed: list[FailedEntry] = []


class Record(msgspec.Struct, frozen=True, gc=False):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html"""

    SequenceNumber: str
    Data: bytes
    PartitionKey: str
    ApproximateArrivalTimestamp: float | datetime | None = None
    """Seconds since the epoch; a datetime in what aiobotocore itself has read."""

    @property
    def arrived_at(self) -> float | None:
        """When Kinesis took the record in, in seconds since the epoch."""
        arrival = self.ApproximateArrivalTimestamp
        return arrival.timestamp() if isinstance(arrival, datetime) else arrival


class ChildShard(msgspec.Struct, frozen=True, gc=False):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ChildShard.html"""

    ShardId: str
    ParentShards: list[str] = []


class RecordsPage(msgspec.Struct, frozen=True, gc=False):
    """The answer to GetRecords; without NextShardIterator the shard is closed and read to its end."""

    Records: list[Record]
    NextShardIterator: str | None = None
    MillisBehindLatest: int | None = None
    ChildShards: list[ChildShard] = []


class Operation(msgspec.Struct, Generic[T], frozen=True):
    """A hot call: its service and name as botocore has them, and the type of its answer."""

    service: str
    name: str
    answer: type[T]


RECEIVE_MESSAGE = Operation("sqs", "ReceiveMessage", ReceivedMessages)
DELETE_MESSAGE_BATCH = Operation("sqs", "DeleteMessageBatch", BatchAnswer)
GET_RECORDS = Operation("kinesis", "GetRecords", RecordsPage)
