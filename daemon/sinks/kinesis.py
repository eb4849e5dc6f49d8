"""Alerts as records of a Kinesis stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from daemon.clients import answered
from daemon.errors import EffectError
from daemon.grants import Grant, Place
from daemon.sinks.base import Notice
from daemon.sinks.batching import BatchingConfig, BatchingSink, Entry, outcomes_in_order
from daemon.sinks.event_path import EventPath, texts_at
from daemon.sinks.gathering import Limits
from daemon.sinks.text import json_line
from daemon.text_form import TextForm

_LONGEST_KEY = 256
"""Characters of a partition key (API reference, PutRecordsRequestEntry)."""
_LARGEST_CALL_BYTES = 10 * 1024**2
"""Of a call, and of a record where the stream's own limit, 1 MiB unless set, is not lower (API reference, PutRecords):
then Kinesis itself refuses."""

StreamArn = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:\d{12}:stream/[A-Za-z0-9_.-]{1,128}$",
        "the ARN of a stream",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/alerts",
    ),
]


class KinesisConfig(BatchingConfig):
    """Puts each alert into a stream as one line of JSON.  What a crash repeats is there twice, with the same `key`.

    Needs the permissions kinesis:PutRecords and, for `vigild check`, kinesis:DescribeStreamSummary.
    """

    type: Literal["kinesis"]
    stream_arn: StreamArn
    """Its region is where the call goes."""
    partition_key: EventPath | None = None
    """Where the event has what decides the shard, `$.account` for instance.  Without it, or where an event has no such
    text, alerts spread over all shards."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """See SinkConfig."""
        del place
        return (Grant(("kinesis:PutRecords", "kinesis:DescribeStreamSummary"), (self.stream_arn,)),)


class KinesisSink(BatchingSink[KinesisConfig]):
    """One record a notice."""

    service = "kinesis"
    limits = Limits(entries=500, size=_LARGEST_CALL_BYTES)
    largest = _LARGEST_CALL_BYTES

    def _region(self) -> str:
        return self._config.stream_arn.split(":")[3]

    def _entry(self, notice: Notice) -> tuple[Entry, int]:
        data = json_line(notice)
        (given,) = texts_at(notice.event, self._config.partition_key)
        key = (given or notice.key)[:_LONGEST_KEY]
        return {"Data": data, "PartitionKey": key}, len(data) + len(key.encode())

    async def _put(self, client: Any, entries: Sequence[Entry]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await client.put_records(StreamARN=self._config.stream_arn, Records=entries)
        return answer

    def _outcomes(self, answer: Mapping[str, Any], entries: Sequence[Entry]) -> list[EffectError | None]:
        return outcomes_in_order(answer, "Records", len(entries))

    async def _look(self, client: Any) -> str:
        answer = await client.describe_stream_summary(StreamARN=self._config.stream_arn)
        found = answered(answer, "StreamDescriptionSummary")
        return f"{self._config.stream_arn}: {found.get('StreamStatus', '?')}, {found.get('OpenShardCount', '?')} shards"
