"""Reads one shard: its iterator, its pace, and what it has handed out.

The source asks each reading that is due for records, the keeper says as long as its lease holds.  An iterator that has
expired is made anew from the last record read; throttling slows this shard down and no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from daemon.clients.hot_calls import Record, RecordsPage
from daemon.errors import EffectError, FailureKind, PermanentError
from daemon.event import Delivery
from daemon.retry import RetryPolicy
from daemon.sources.base import SourceContext
from daemon.sources.kinesis.aggregation import MAGIC, user_records
from daemon.sources.kinesis.checkpoints import Checkpoint, Mark, Position
from daemon.sources.kinesis.stream_calls import IteratorExpired, StreamCalls
from daemon.telemetry.streams import IteratorRenewed, ReadThrottled

if TYPE_CHECKING:
    from daemon.sources.kinesis import KinesisConfig

_BYTES_PER_SECOND = 2_000_000
"""What a shard serves to all who read it; a larger read is answered, and then nothing until the average is kept again:
https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""
_BACK_OFF = RetryPolicy(base_seconds=0.5, cap_seconds=10.0)


class Receipt(msgspec.Struct, eq=False):
    """What the source needs to settle a delivery."""

    reading: Reading
    mark: Mark
    settled: bool = False


class Reading:
    """One shard of a stream, for as long as we hold its lease."""

    def __init__(
        self, shard: str, start: Position, calls: StreamCalls, config: KinesisConfig, context: SourceContext, name: str
    ) -> None:
        self.shard = shard
        self.checkpoint = Checkpoint(start)
        self.held_until = float("-inf")
        """Monotonic; the keeper moves it on with each renewal."""
        self.stopped = False
        """Nothing more is to be handed out: the lease is lost, or about to be given up."""
        self.ended = False
        """The shard is closed and has been read to its end."""
        self.missing = False
        """AWS does not know the shard."""
        self.busy = False
        self.due_at = context.clock.monotonic()
        self._behind_ms: int | None = None
        self._iterator: str | None = None
        self._pause = config.least_poll_seconds
        self._failures = 0
        self._calls = calls
        self._config = config
        self._context = context
        self._name = name
        self._identity = f"kinesis:{config.stream}:{shard}:"

    def due(self, now: float) -> bool:
        """Whether a read may begin."""
        if self.busy or self.stopped or self.ended or now < self.due_at or now >= self.held_until:
            return False
        return not (self._config.ordered and self.checkpoint)

    def behind_ms(self, now: float) -> int | None:
        """Return how far we are behind the shard's end: when it was last read, and for as long as a read is overdue.

        None before the first read.
        """
        if self._behind_ms is None or self.ended:
            return self._behind_ms
        return self._behind_ms + int(max(0.0, now - self.due_at) * 1000)

    def go_on(self) -> None:
        """Read on after the last record: the shard had not ended after all."""
        self.ended = False
        self._iterator = None

    async def read(self) -> list[Delivery]:
        """Read once.  Raises RetryableError or PermanentError, but not for throttling, which only costs time."""
        clock = self._context.clock
        asked_at = clock.monotonic()
        self.busy = True
        try:
            page = await self._page()
        except IteratorExpired:
            self._iterator = None
            self._context.telemetry.emit(IteratorRenewed(self._name, self.shard))
            return []
        except EffectError as error:
            self._fail(error, asked_at)
            if error.kind is FailureKind.THROTTLED:
                return []
            raise
        finally:
            self.busy = False
        self._failures = 0
        now = clock.monotonic()
        if self.stopped or now >= self.held_until:
            return []
        size = sum(len(record.Data) for record in page.Records)
        self._pause = next_pause(self._pause, page, self._config.least_poll_seconds, self._config.idle_poll_seconds)
        self.due_at = asked_at + max(self._pause, size / _BYTES_PER_SECOND)
        return self._hand_out(page)

    async def _page(self) -> RecordsPage:
        if self._iterator is None:
            self._iterator = await self._calls.iterator(self.shard, self.checkpoint.read_to)
        return await self._calls.records(self._iterator, self._config.batch_size)

    def _fail(self, error: EffectError, asked_at: float) -> None:
        self._failures += 1
        wait = _BACK_OFF.delay(self._failures, getattr(error, "delay", None), self._context.rng)
        self.due_at = asked_at + max(wait, self._config.least_poll_seconds)
        self.missing = error.kind is FailureKind.NOT_FOUND
        if isinstance(error, PermanentError):
            self._iterator = None
        if error.kind is FailureKind.THROTTLED:
            self._context.telemetry.emit(ReadThrottled(self._name, self.shard, wait))

    def _hand_out(self, page: RecordsPage) -> list[Delivery]:
        self._iterator = page.NextShardIterator
        self.ended = page.NextShardIterator is None
        self._behind_ms = page.MillisBehindLatest
        now = self._context.clock.now()
        deliveries: list[Delivery] = []
        for record in page.Records:
            if record.Data.startswith(MAGIC):
                deliveries += self._take_apart(record, now)
            else:
                receipt = Receipt(self, self.checkpoint.hand_out(record.SequenceNumber, 1))
                identity = self._identity + record.SequenceNumber
                deliveries.append(self._delivery(identity, record.PartitionKey, record.Data, receipt, now))
        return deliveries

    def _take_apart(self, record: Record, now: float) -> list[Delivery]:
        parts = user_records(record.PartitionKey, record.Data)
        mark = self.checkpoint.hand_out(record.SequenceNumber, len(parts))
        whole = self._identity + record.SequenceNumber
        return [
            self._delivery(
                whole if part.sub_sequence is None else f"{whole}:{part.sub_sequence}",
                part.partition_key,
                part.data,
                Receipt(self, mark),
                now,
            )
            for part in parts
        ]

    def _delivery(self, identity: str, partition_key: str, body: bytes, receipt: Receipt, now: float) -> Delivery:
        return Delivery(
            source=self._name,
            identity=identity,
            body=body,
            receipt=receipt,
            received_at=now,
            framing=self._config.framing,
            order_key=f"{self.shard}/{partition_key}" if self._config.ordered else None,
        )


def next_pause(pause: float, page: RecordsPage, least: float, most: float) -> float:
    """Return how long to wait between reads: shortest while behind, twice as long after each read that found nothing.

    A shard with a trickle of records settles between the two: reading it faster would only bring smaller pages.
    """
    if page.MillisBehindLatest:
        return least
    if page.Records:
        return max(least, pause / 2)
    return min(most, max(least, pause * 2))
