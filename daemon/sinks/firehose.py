"""Alerts as records of a Firehose stream: files in S3, a search index, a table behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from daemon.clients import answered
from daemon.errors import EffectError
from daemon.grants import Grant, Place
from daemon.sinks.base import Notice
from daemon.sinks.batching import BatchingConfig, BatchingSink, Entry, outcomes_in_order
from daemon.sinks.gathering import Limits
from daemon.sinks.text import json_line
from daemon.text_form import TextForm

DeliveryStreamArn = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:firehose:[a-z0-9-]+:\d{12}:deliverystream/[A-Za-z0-9_.-]{1,64}$",
        "the ARN of a delivery stream",
        "arn:aws:firehose:eu-west-1:123456789012:deliverystream/alerts",
    ),
]


class FirehoseConfig(BatchingConfig):
    """Puts each alert into a stream as a line of JSON with its line end, so that files of them are NDJSON.  What a
    crash repeats is there twice, with the same `key`.

    Needs the permissions firehose:PutRecordBatch and, for `vigild check`, firehose:DescribeDeliveryStream.
    """

    type: Literal["firehose"]
    stream_arn: DeliveryStreamArn
    """Its region is where the call goes."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """See SinkConfig."""
        del place
        return (Grant(("firehose:PutRecordBatch", "firehose:DescribeDeliveryStream"), (self.stream_arn,)),)


class FirehoseSink(BatchingSink[FirehoseConfig]):
    """One record a notice."""

    service = "firehose"
    limits = Limits(entries=500, size=4 * 1024**2)
    largest = 1_000 * 1024
    """(API reference, PutRecordBatch.)"""

    def _region(self) -> str:
        return self._config.stream_arn.split(":")[3]

    def _entry(self, notice: Notice) -> tuple[Entry, int]:
        data = json_line(notice) + b"\n"
        return {"Data": data}, len(data)

    async def _put(self, client: Any, entries: Sequence[Entry]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await client.put_record_batch(DeliveryStreamName=self._stream(), Records=entries)
        return answer

    def _outcomes(self, answer: Mapping[str, Any], entries: Sequence[Entry]) -> list[EffectError | None]:
        return outcomes_in_order(answer, "RequestResponses", len(entries))

    async def _look(self, client: Any) -> str:
        answer = await client.describe_delivery_stream(DeliveryStreamName=self._stream())
        found = answered(answer, "DeliveryStreamDescription")
        return f"{self._config.stream_arn}: {found.get('DeliveryStreamStatus', '?')}"

    def _stream(self) -> str:
        return self._config.stream_arn.rpartition("/")[2]
