"""Knows the shards of a stream: lists them at the start, now and then, and whenever one has ended.

keeper.py asks it which shards there are; KinesisSource runs `keep` as a task of its own, so that a slow ListShards
cannot cost a lease.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from daemon.errors import EffectError
from daemon.sources.base import SourceContext
from daemon.sources.kinesis.checkpoints import TRIM_HORIZON, At, Position
from daemon.sources.kinesis.lease_table import LeaseTable
from daemon.sources.kinesis.shards import Shard
from daemon.sources.kinesis.stream_calls import Listing, StreamCalls
from daemon.telemetry.streams import ListingFailed

TICK_SECONDS = 0.25
"""How soon what should not wait for its time is seen to."""
_LISTING_SECONDS = 30.0
"""Between two listings where nothing calls for one: how soon a split is seen that another worker reads."""
_RETRY_SECONDS = 1.0
_JITTER = 0.2


class Discovery:
    """The shards as last listed, and where those start that have no lease yet.  `list` comes first."""

    def __init__(
        self, source: str, start: Position | None, table: LeaseTable, calls: StreamCalls, context: SourceContext
    ) -> None:
        self.shards: dict[str, Shard] = {}
        self.start = TRIM_HORIZON
        self.is_due = False
        """List again soon."""
        self._source = source
        self._wanted_start = start
        self._table = table
        self._calls = calls
        self._clock = context.clock
        self._rng = context.rng
        self._telemetry = context.telemetry

    def closed(self, shard: str) -> bool:
        """Whether a shard takes no more records; the word of one odd answer to GetRecords is not enough to leave it."""
        return shard not in self.shards or self.shards[shard].closed

    async def list(self) -> None:
        """List the shards and find out where they start.  Raises EffectError."""
        listing = await self._calls.list_shards()
        self.start = await self._table.start(self._wanted_start or self._now_at(listing))
        self.shards = listing.shards

    def _now_at(self, listing: Listing) -> Position:
        """Return where LATEST is, by the clock that stamps the records."""
        now = listing.server_time if listing.server_time is not None else self._clock.now()
        return Position(At.AT_TIMESTAMP, timestamp=now)

    async def keep(self, listed: Callable[[], None]) -> NoReturn:
        """List again for ever, and say so each time."""
        next_listing = self._clock.monotonic() + _LISTING_SECONDS
        while True:
            if self.is_due or self._clock.monotonic() >= next_listing:
                self.is_due = False
                wait = _LISTING_SECONDS * self._rng.uniform(1 - _JITTER, 1 + _JITTER)
                try:
                    await self.list()
                    listed()
                except EffectError as error:
                    wait = _RETRY_SECONDS + self._rng.uniform(0, _LISTING_SECONDS / 2)
                    self._telemetry.emit(ListingFailed(self._source, error.kind, error.detail, wait))
                next_listing = self._clock.monotonic() + wait
            await self._clock.sleep(TICK_SECONDS)
