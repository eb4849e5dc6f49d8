"""Signals about Kinesis streams: leases, lag, and what slows reading down."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.errors import FailureKind
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.names import LeaseChange
from daemon.telemetry.signals import Signal


@dataclass(frozen=True, slots=True)
class LeaseMoved(Signal):
    """A shard's lease came to us, went from us, or was asked for; `other` is the worker on the other side."""

    event = "lease moved"
    source: str
    shard: str
    change: LeaseChange
    other: str | None

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("kinesis_leases_moved_total", self.source, self.change).inc()


@dataclass(frozen=True, slots=True)
class LeaseLost(Signal):
    """Another worker has taken a shard over, or an operator has reset it: what is in hand of it is read again."""

    event = "lease lost"
    level = "warning"
    source: str
    shard: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("kinesis_leases_moved_total", self.source, LeaseChange.LOST).inc()


@dataclass(frozen=True, slots=True)
class StreamMeasured(Signal):
    """How many shards we read, and how far the worst of them is behind."""

    event = "stream measured"
    level = "debug"
    source: str
    leases: int
    behind_seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.gauge("kinesis_leases_held", self.source).set(self.leases)
        metrics.gauge("kinesis_behind_latest_seconds", self.source).set(self.behind_seconds)


@dataclass(frozen=True, slots=True)
class IteratorRenewed(Signal):
    """An iterator had expired, because reading had paused for more than five minutes."""

    event = "iterator expired"
    source: str
    shard: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("kinesis_iterators_expired_total", self.source).inc()


@dataclass(frozen=True, slots=True)
class ReadThrottled(Signal):
    """A shard was read more than it serves, perhaps by others; it rests."""

    event = "read throttled"
    level = "debug"
    source: str
    shard: str
    retry_in_seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("kinesis_reads_throttled_total", self.source).inc()


@dataclass(frozen=True, slots=True)
class ListingFailed(Signal):
    """The shards cannot be listed, so what a split or merge has made stays unread for now."""

    event = "listing shards failed"
    level = "warning"
    source: str
    kind: FailureKind
    detail: str
    retry_in_seconds: float

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("source_errors_total", self.source, self.kind).inc()


@dataclass(frozen=True, slots=True)
class ShardVanished(Signal):
    """A shard was gone before it was read to its end: the stream's retention has taken records that nobody had read."""

    event = "shard vanished"
    level = "error"
    source: str
    shard: str

    def count(self, metrics: Metrics) -> None:
        """See Signal."""
        metrics.counter("kinesis_shards_vanished_total", self.source).inc()
