"""Reads a Kinesis stream.  The pipeline calls it through base.Source; it leans on files of its own:

stream_calls.py (the calls), discovery.py and shards.py (which shards there are, and whose turn it is), leases.py and
lease_table.py (who reads which), keeper.py (holds leases), reading.py (reads one shard), checkpoints.py (where it goes
on), aggregation.py (KPL).

A delivery is a record, or a user record where the Kinesis Producer Library put many into one; what is in it is told
apart by decode/ like everything else.  It is acknowledged by the position that is saved with the shard's lease, at the
lowest record not settled yet; what comes after that is read again after a crash, and known by its claims.
A record that cannot be read is rejected, parked and so settled like any other: it never holds up its shard.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self, cast

import anyio
import msgspec
from pydantic import AwareDatetime, Field, field_validator, model_validator

from daemon.errors import StateError
from daemon.event import Delivery, Framing
from daemon.grants import Grant, Place
from daemon.sources.base import EndOfSource, Progress, SourceConfig, SourceContext
from daemon.sources.kinesis.checkpoints import TRIM_HORIZON, At, Position
from daemon.sources.kinesis.discovery import Discovery
from daemon.sources.kinesis.keeper import Keeper, Member
from daemon.sources.kinesis.lease_table import LeaseTable
from daemon.sources.kinesis.leases import Terms
from daemon.sources.kinesis.reading import Reading, Receipt
from daemon.sources.kinesis.stream_calls import StreamAddress, StreamCalls
from daemon.telemetry.conditions import StateFailed
from daemon.telemetry.names import Settlement
from daemon.text_form import TextForm

_IDLE_SECONDS = 0.1
"""The longest nap when no shard is due; a lease may come at any moment."""
_SHORTEST_NAP_SECONDS = 0.001
_CLOSE_SECONDS = 3.0
_MOST_RECORDS = 10_000
"""https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""


class Start(StrEnum):
    """Where a stream begins that has never been read in this namespace."""

    TRIM_HORIZON = "TRIM_HORIZON"  # the oldest record that the stream still has
    LATEST = "LATEST"  # what comes from the second on in which the first daemon starts
    AT_TIMESTAMP = "AT_TIMESTAMP"  # what arrived at start_timestamp or later


StreamName = Annotated[str, TextForm(r"^[A-Za-z0-9_.-]{1,128}$", "at most 128 letters, digits, _, . and -", "events")]
StreamArn = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:\d{12}:stream/[A-Za-z0-9_.-]{1,128}$",
        "the ARN of a stream",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/events",
    ),
]


class KinesisConfig(SourceConfig):
    """A Kinesis data stream.  Daemons with the same namespace share its shards by leases in the state store.

    Needs kinesis:ListShards, kinesis:GetShardIterator, kinesis:GetRecords, and kms:Decrypt for a stream encrypted with
    a key of your own.
    """

    type: Literal["kinesis"] = "kinesis"
    stream_name: StreamName | None = None
    """This or stream_arn."""
    stream_arn: StreamArn | None = None
    """Needed for a stream of another account.  The region is taken from it."""
    region: str | None = None
    """Where the stream is, if neither its ARN nor the default region says so."""
    namespace: StreamName | None = None
    """Whose leases and positions these are; the source's name unless given.  Streams of one name in several regions
    need one each."""
    start: Start = Start.LATEST
    """Where to begin when there is no position yet.  Once there is, `vigild leases reset` begins anew."""
    start_timestamp: AwareDatetime | None = None
    """With AT_TIMESTAMP."""
    framing: Framing = Framing.DOCUMENT
    """Whether a record is one JSON document, or one a line.  Joined documents are recognised with either; "lines" reads
    the others of a record whose first one is broken."""
    ordered: bool = False
    """Work on records of one partition key one after the other, in order.  A shard's next records are then read when
    those before are settled."""
    receivers: int = Field(default=4, ge=1, le=64)
    """How many shards are read at the same time."""
    batch_size: int = Field(default=1_000, ge=1, le=_MOST_RECORDS)
    """How many records a read may return.  With 10 MB at most, whatever the number."""
    least_poll_seconds: float = Field(default=0.2, ge=0.2, le=60)
    """Between two reads of a shard while behind.  A shard serves 5 reads a second to all who read it, so give 0.4 where
    there is another reader."""
    idle_poll_seconds: float = Field(default=1.0, ge=0.2, le=60)
    """Between two reads of a shard in which nothing happens."""
    lease_seconds: float = Field(default=20.0, ge=1, le=300)
    """After a crash, how long until others take over the shards of the dead process.  Renewed four times meanwhile."""
    steals_per_round: int = Field(default=2, ge=1, le=100)
    """How many shards a process asks others for at a time while it has too few."""

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.address.stream

    @property
    def address(self) -> StreamAddress:
        """Where the stream is."""
        return StreamAddress(self.stream_arn, self.stream_name, self.region)

    @field_validator("dead_letter")
    @classmethod
    def _no_redrive(cls, place: str) -> str:
        if place == "redrive":
            raise ValueError("a stream has no redrive policy: name one of dead_letters")
        return place

    @model_validator(mode="after")
    def _one_address_one_start(self) -> Self:
        if (self.stream_name is None) == (self.stream_arn is None):
            raise ValueError("give either stream_name or stream_arn")
        if (self.start is Start.AT_TIMESTAMP) != (self.start_timestamp is not None):
            raise ValueError("start_timestamp goes with start: AT_TIMESTAMP")
        return self

    @property
    def start_position(self) -> Position | None:
        """Where to begin; None for the time of the first start."""
        if self.start_timestamp is not None:
            return Position(At.AT_TIMESTAMP, timestamp=self.start_timestamp.timestamp())
        return TRIM_HORIZON if self.start is Start.TRIM_HORIZON else None

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """See SourceConfig."""
        region = self.region or place.region
        arn = self.stream_arn or f"arn:aws:kinesis:{region}:{place.account}:stream/{self.stream_name}"
        return (Grant(("kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"), (arn,)),)


class KinesisSource:
    """See base.Source.  One worker of all that share the stream."""

    def __init__(self, name: str, config: KinesisConfig, context: SourceContext) -> None:
        self.name = name
        self.receivers = config.receivers
        self.redelivers = False
        self._config = config
        self._clock = context.clock
        self._telemetry = context.telemetry
        self._context = context
        self._calls = StreamCalls(context.aws, config.address)
        table = LeaseTable(context.state, context.clock, config.namespace or name, config.stream)
        worker = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        terms = Terms(config.lease_seconds, config.steals_per_round)
        self._discovery = Discovery(name, config.start_position, table, self._calls, context)
        self._keeper = Keeper(Member(name, worker, terms), table, self._discovery, self._begin, context)
        self._again: deque[Delivery] = deque()
        """Given back while we go on: handed out once more."""

    async def open(self) -> None:
        """See base.Source: lists the shards, and fixes where they start if nobody has before."""
        await self._discovery.list()

    async def run(self) -> None:
        """See base.Source: leases and shards."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keeper.keep)
            tasks.start_soon(self._discovery.keep, self._keeper.listed)

    async def receive(self) -> Sequence[Delivery]:
        """See base.Source: one read of the shard that has been due for longest."""
        if self._keeper.quiet:
            raise EndOfSource
        if self._again:
            given_back = [msgspec.structs.replace(delivery, attempt=delivery.attempt + 1) for delivery in self._again]
            self._again.clear()
            return given_back
        now = self._clock.monotonic()
        readings = [holding.reading for holding in self._keeper.held.values()]
        due = min((r for r in readings if r.due(now)), key=lambda r: r.due_at, default=None)
        if due is not None:
            return await due.read()
        soonest = min((r.due_at - now for r in readings if r.due_at > now), default=_IDLE_SECONDS)
        await self._clock.sleep(min(max(soonest, _SHORTEST_NAP_SECONDS), _IDLE_SECONDS))
        return ()

    async def settle(self, deliveries: Sequence[Delivery], settlement: Settlement) -> None:
        """See base.Source: moves positions on, which the next renewal saves.  Never waits."""
        for delivery in deliveries:
            receipt = cast("Receipt", delivery.receipt)
            if settlement is Settlement.ACKNOWLEDGED:
                if not receipt.settled:
                    receipt.settled = True
                    receipt.reading.checkpoint.settle(receipt.mark)
            elif self._keeper.holds(receipt.reading):
                self._again.append(delivery)

    def quiesce(self) -> None:
        """See base.Source."""
        self._keeper.quiet = True

    async def flush(self) -> None:
        """See base.Source: hands all shards over at their last positions."""
        await self._leave()

    async def check(self) -> str:
        """See base.Source: lists the shards and reads a record of one, which takes it from nobody."""
        listing = await self._calls.list_shards()
        open_shards = [shard.id for shard in listing.shards.values() if not shard.closed]
        for shard in open_shards[:1]:
            await self._calls.records(await self._calls.iterator(shard, TRIM_HORIZON), 1)
        return f"{len(open_shards)} open shards, {len(listing.shards) - len(open_shards)} closed"

    def progress(self) -> Progress | None:
        """See base.Source: a stream has no end."""
        return None

    async def close(self) -> None:
        """See base.Source: hands over what a stop in a hurry has left."""
        if self._keeper.held:
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await self._leave()

    async def _leave(self) -> None:
        try:
            await self._keeper.leave()
        except StateError as error:
            self._telemetry.emit(StateFailed(error.detail, 0.0))

    def _begin(self, shard: str, position: Position) -> Reading:
        return Reading(shard, position, self._calls, self._config, self._context, self.name)
