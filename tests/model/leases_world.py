"""A world of processes that share one shard of a stream: the real Keeper and its leases over the model's store.

A keeper's rounds are what Keeper.round does, without its lock; a reader does what Reading and KinesisSource do with one
record at a time.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from functools import partial

import msgspec

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import StateError
from daemon.sources.base import SourceContext
from daemon.sources.kinesis import KinesisConfig
from daemon.sources.kinesis.checkpoints import TRIM_HORIZON, Position
from daemon.sources.kinesis.discovery import Discovery
from daemon.sources.kinesis.keeper import Keeper, Member
from daemon.sources.kinesis.lease_table import LeaseTable
from daemon.sources.kinesis.leases import Lease, Terms
from daemon.sources.kinesis.reading import Reading
from daemon.sources.kinesis.shards import Shard
from daemon.sources.kinesis.stream_calls import StreamAddress, StreamCalls
from tests.model.explorer import Request, Task, Violation, plainly
from tests.model.processes_world import SILENT_TELEMETRY, Mishaps, ProcessesWorld, remembered
from tests.model.store import ModelClock, ModelStore

LEASE_SECONDS = 12.0
SHARD = "shardId-0"
RECORDS = 2
_KEY = f"lease/events/stream/{SHARD}"
_AWS = AwsClients(AwsSettings())
_CONFIG = KinesisConfig(type="kinesis", stream_name="stream")
_decode = msgspec.json.Decoder(Lease).decode


class LeasesWorld(ProcessesWorld):
    """See World in explorer.py."""

    renewals_get_lost = True

    def __init__(
        self,
        mishaps: Mishaps,
        *,
        table: type[LeaseTable] = LeaseTable,
        lease_seconds: tuple[float, float] = (LEASE_SECONDS, LEASE_SECONDS),
    ) -> None:
        super().__init__(2, mishaps)
        self._keepers: dict[str, Keeper] = {}
        self._done: dict[int, str] = {}
        """Who did what each record asks for, first."""
        self._before: tuple[int, str] = (0, "")
        for process, seconds in zip(self.processes, lease_seconds, strict=True):
            clock = ModelClock(self.shelf)
            store = ModelStore(self.shelf, clock)
            context = SourceContext(SILENT_TELEMETRY, clock, random.Random(0), _AWS, store)
            leases = table(store, clock, "events", "stream")
            calls = StreamCalls(_AWS, StreamAddress(None, "stream"))
            discovery = Discovery("events", TRIM_HORIZON, leases, calls, context)
            discovery.shards = {SHARD: Shard(SHARD)}
            begin = partial(_begin, calls=calls, context=context)
            member = Member("events", process.name, Terms(seconds, 1))
            keeper = Keeper(member, leases, discovery, begin, context)
            self._keepers[process.name] = keeper
            Task(process, _keep(keeper, clock), endless=True)
            Task(process, _read(keeper, clock))

    def is_done(self) -> bool:
        """See ProcessesWorld."""
        return self._before[0] == RECORDS

    def carry_out(self, task: Task, request: Request) -> None:
        """See ProcessesWorld."""
        if request.kind == "effect":
            self._done.setdefault(request.detail, task.process.name)

    def stored(self, task: Task) -> None:
        """See ProcessesWorld."""
        item = self.shelf.current(_KEY, self.shelf.time)
        lease = _decode(item.value) if item is not None else Lease(TRIM_HORIZON)
        now, before = (int(lease.position.sequence or 0), lease.owner), self._before
        self._before = now
        if now[0] < before[0]:
            raise Violation("a position went back")
        if now[0] > before[0] and before[1] != task.process.name:
            raise Violation("a position was saved by someone who is not the owner")
        if not self._done.keys() >= set(range(1, now[0] + 1)):
            raise Violation("a position covers what was never done")
        if now[1] != before[1] and before[1] not in {"", task.process.name}:
            self._check_taken_from(before[1])

    def memory(self) -> Hashable:
        """See ProcessesWorld."""
        keepers = tuple(
            (
                remembered(keeper),
                [(plainly(holding), plainly(_state(holding.reading))) for holding in keeper.held.values()],
            )
            for keeper in self._keepers.values()
        )
        return repr(keepers), tuple(sorted(self._done)), self._before

    def _check_taken_from(self, owner: str) -> None:
        holding = self._keepers[owner].held.get(SHARD)
        alive = next(process.alive for process in self.processes if process.name == owner)
        if alive and holding is not None and self.shelf.time < holding.reading.held_until:
            raise Violation("two owners at the same time")


def _begin(shard: str, start: Position, calls: StreamCalls, context: SourceContext) -> Reading:
    return Reading(shard, start, calls, _CONFIG, context, "events")


def _state(reading: Reading) -> Hashable:
    checkpoint = reading.checkpoint
    return reading.held_until, reading.stopped, checkpoint.position, bool(checkpoint)


async def _keep(keeper: Keeper, clock: ModelClock) -> None:
    while True:
        try:
            await keeper._renew()
            await keeper._balance()
        except StateError:
            await clock.sleep(1.0)
        else:
            await clock.sleep(LEASE_SECONDS / 4)


async def _read(keeper: Keeper, clock: ModelClock) -> None:
    """Read record after record of the shard, do what it asks for, settle it."""
    while True:
        holding = keeper.held.get(SHARD)
        if holding is not None and holding.reading.due(clock.monotonic()):
            reading = holding.reading
            number = int(reading.checkpoint.position.sequence or 0) + 1
            if number <= RECORDS:
                await Request("read", number)
                if not reading.stopped and clock.monotonic() < reading.held_until:
                    mark = reading.checkpoint.hand_out(f"{number}", 1)
                    await Request("effect", number)
                    reading.checkpoint.settle(mark)
                continue
        await clock.sleep(2.0)
