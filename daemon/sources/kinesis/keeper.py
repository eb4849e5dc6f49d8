"""Keeps a worker's leases: renews, takes, asks, hands over.

KinesisSource runs it and reads what it holds.  Decisions are in leases.py and shards.py, writes in lease_table.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

import anyio
import msgspec

from daemon.errors import StateError
from daemon.sources.base import SourceContext
from daemon.sources.kinesis.checkpoints import SHARD_END, Position
from daemon.sources.kinesis.discovery import TICK_SECONDS, Discovery
from daemon.sources.kinesis.lease_table import LeaseTable
from daemon.sources.kinesis.leases import Lease, Sight, Terms, Versioned, look, plan
from daemon.sources.kinesis.reading import Reading
from daemon.sources.kinesis.shards import readable
from daemon.telemetry.actions import StoredItemUnreadable
from daemon.telemetry.conditions import StateFailed
from daemon.telemetry.names import LeaseChange, StoredKind
from daemon.telemetry.streams import LeaseLost, LeaseMoved, ShardVanished, StreamMeasured

_RENEWALS = 4
"""In one lease's length: three may fail before the lease does."""
_RETRY_SECONDS = 1.0
"""After a failure, and while an owner is about to hand over to us."""
_JITTER = 0.2
_ATTEMPTS = 3


class Member(msgspec.Struct, frozen=True):
    """A worker among those that share a stream."""

    source: str
    """The source's name in the configuration."""
    worker: str
    """Unlike every other's, and never used again by a later process."""
    terms: Terms


class Holding(msgspec.Struct, eq=False):
    """A lease that we hold."""

    lease: Lease
    version: int
    reading: Reading
    leaving_since: float | None = None
    """Monotonic; since then nothing new is read, so that the lease can be handed over."""


class Keeper:
    """The leases of one worker on one stream."""

    def __init__(
        self,
        member: Member,
        table: LeaseTable,
        discovery: Discovery,
        begin: Callable[[str, Position], Reading],
        context: SourceContext,
    ) -> None:
        self.held: dict[str, Holding] = {}
        self.quiet = False
        """Take nothing any more, and give up whatever has nothing in hand."""
        self._gone = False
        """Give up everything, whatever is in hand."""
        self._name = member.source
        self._worker = member.worker
        self._terms = member.terms
        self._table = table
        self._discovery = discovery
        self._begin = begin
        self._clock = context.clock
        self._rng = context.rng
        self._telemetry = context.telemetry
        self._ended: set[str] = set()
        self._sights: dict[str, Sight] = {}
        self._asked: set[str] = set()
        self._told: dict[str, int] = {}
        """The versions of leases that cannot be read, by shard."""
        self._round_is_due = False
        self._turn = anyio.Lock()

    def holds(self, reading: Reading) -> bool:
        """Whether we still hold the lease under which this reading began."""
        return (holding := self.held.get(reading.shard)) is not None and holding.reading is reading

    def listed(self) -> None:
        """Look anew at everything, because the shards were listed again."""
        # An operator may have set back what had ended.
        self._ended.clear()
        for shard, holding in self.held.items():
            if shard not in self._discovery.shards and holding.reading.missing:
                holding.reading.ended = True
                self._telemetry.emit(ShardVanished(self._name, shard))
            elif holding.reading.ended and not self._discovery.closed(shard):
                holding.reading.go_on()
        self._round_is_due = True

    async def keep(self) -> NoReturn:
        """Hold rounds for ever."""
        next_round = self._clock.monotonic()
        while True:
            if self._round_is_due or self._something_is_over() or self._clock.monotonic() >= next_round:
                self._round_is_due = False
                wait = self._terms.lease_seconds / _RENEWALS * self._rng.uniform(1 - _JITTER, 1)
                try:
                    await self.round()
                    if self._asked:
                        wait = min(wait, _RETRY_SECONDS)
                except StateError as error:
                    wait = min(wait, _RETRY_SECONDS)
                    self._telemetry.emit(StateFailed(error.detail, wait))
                next_round = self._clock.monotonic() + wait
            await self._clock.sleep(TICK_SECONDS)

    def _something_is_over(self) -> bool:
        over = False
        for shard, holding in self.held.items():
            if holding.reading.ended and not self._discovery.closed(shard):
                self._discovery.is_due = True
            elif not holding.reading.checkpoint:
                over = over or holding.reading.ended or self.quiet or holding.leaving_since is not None
        return over

    async def round(self) -> None:
        """Renew what we hold, then see what else we should.  Raises StateError."""
        async with self._turn:
            await self._renew()
            if not self.quiet:
                await self._balance()
            now = self._clock.monotonic()
            behind = max((holding.reading.behind_ms(now) or 0 for holding in self.held.values()), default=0)
            self._telemetry.emit(StreamMeasured(self._name, len(self.held), behind / 1000))

    async def leave(self) -> None:
        """Hand over everything at the last positions, so that nobody has to wait.  Raises StateError."""
        self.quiet = self._gone = True
        async with self._turn:
            await self._renew()
            await self._withdraw()

    async def _renew(self) -> None:
        """Save the positions of what we hold, and so show that we live; give up what is over."""
        remaining = dict(self.held)
        for _ in range(_ATTEMPTS):
            asked_at = self._clock.monotonic()
            answers = await self._table.write(
                {shard: (self._next(shard, holding, asked_at), holding.version) for shard, holding in remaining.items()}
            )
            again: dict[str, Holding] = {}
            for shard, answer in answers.items():
                holding = remaining[shard]
                if isinstance(answer, Versioned):
                    self._renewed(shard, holding, answer, asked_at)
                elif answer.current is not None and answer.current.lease.same_holding(holding.lease):
                    holding.lease, holding.version = answer.current.lease, answer.current.version
                    again[shard] = holding
                else:
                    self._lose(shard, holding)
            remaining = again

    def _next(self, shard: str, holding: Holding, now: float) -> Lease:
        """Return what to write over the lease."""
        reading, wall = holding.reading, self._clock.now()
        if reading.ended and not reading.checkpoint and self._discovery.closed(shard):
            return holding.lease.asked_by("").renewed(SHARD_END, 0, wall).handed_over()
        lease = holding.lease.renewed(reading.checkpoint.position, reading.behind_ms(now), wall)
        return lease.handed_over() if self._may_leave(holding, now) else lease

    def _may_leave(self, holding: Holding, now: float) -> bool:
        """Whether to hand a lease over now; where somebody wants it, reading stops until what is in hand is settled.

        A slow target must not keep the lease for ever: what is not settled in a lease's length is read again by the
        next owner, and known by its claims.
        """
        wanted = self.quiet or holding.lease.wanted_by != ""
        holding.reading.stopped = wanted
        if not wanted:
            holding.leaving_since = None
            return False
        if holding.leaving_since is None:
            holding.leaving_since = now
        overdue = not self.quiet and now - holding.leaving_since > self._terms.lease_seconds
        return self._gone or overdue or not holding.reading.checkpoint

    def _renewed(self, shard: str, holding: Holding, written: Versioned, asked_at: float) -> None:
        holding.lease, holding.version = written.lease, written.version
        if written.lease.owner == self._worker:
            holding.reading.held_until = asked_at + self._terms.lease_seconds
            return
        self._drop(shard, holding)
        if written.lease.ended:
            self._ended.add(shard)
            self._discovery.is_due = self._round_is_due = True
        change = LeaseChange.ENDED if written.lease.ended else LeaseChange.HANDED_OVER
        self._telemetry.emit(LeaseMoved(self._name, shard, change, written.lease.owner or None))

    def _lose(self, shard: str, holding: Holding) -> None:
        self._drop(shard, holding)
        self._telemetry.emit(LeaseLost(self._name, shard))

    def _drop(self, shard: str, holding: Holding) -> None:
        holding.reading.stopped = True
        del self.held[shard]

    async def _balance(self) -> None:
        """Look at all leases, make missing ones, and write what the plan says."""
        wanted = [shard for shard in self._discovery.shards if shard not in self._ended]
        found = await self._table.read(wanted)
        unreadable = self._table.unreadable
        if missing := [shard for shard in wanted if shard not in found and shard not in unreadable]:
            await self._table.create(missing, self._discovery.start)
            found |= await self._table.read(missing)
        self._tell(unreadable)
        now = self._clock.monotonic()
        self._ended |= {shard for shard, seen in found.items() if seen.lease.ended}
        self._sights = look(self._sights, found, now)
        self._asked = {s for s in self._asked if s in found and found[s].lease.wanted_by == self._worker}
        turn = readable(self._discovery.shards, self._ended)
        sights = {shard: sight for shard, sight in self._sights.items() if shard in turn}
        chosen = plan(sights, self.held, self._worker, now, self._terms, self._rng)
        await self._take(chosen.take, chosen.adopt)
        await self._ask(chosen.ask)

    def _tell(self, unreadable: Mapping[str, int]) -> None:
        """Say, once, whose shards nobody reads until a person has set them back; the others are read."""
        for shard, version in unreadable.items():
            if self._told.get(shard) != version:
                self._told[shard] = version
                self._telemetry.emit(StoredItemUnreadable(StoredKind.LEASE, self._table.key(shard)))

    async def _take(self, take: Collection[str], adopt: Collection[str]) -> None:
        asked_at, wall = self._clock.monotonic(), self._clock.now()
        sights = self._sights
        changes = {shard: (sights[shard].lease.taken_by(self._worker), sights[shard].version) for shard in take}
        for shard in adopt:
            lease = sights[shard].lease
            changes[shard] = lease.renewed(lease.position, lease.behind_ms, wall), sights[shard].version
        for shard, answer in (await self._table.write(changes)).items():
            if isinstance(answer, Versioned):
                reading = self._begin(shard, answer.lease.position)
                reading.held_until = asked_at + self._terms.lease_seconds
                self.held[shard] = Holding(answer.lease, answer.version, reading)
                self._asked.discard(shard)
                before = sights[shard].lease.owner
                change = LeaseChange.RECEIVED if shard in adopt else LeaseChange.TAKEN
                self._telemetry.emit(LeaseMoved(self._name, shard, change, before or None))

    async def _ask(self, shards: Collection[str]) -> None:
        sights = self._sights
        changes = {shard: (sights[shard].lease.asked_by(self._worker), sights[shard].version) for shard in shards}
        for shard, answer in (await self._table.write(changes)).items():
            if isinstance(answer, Versioned):
                self._asked.add(shard)
                self._telemetry.emit(LeaseMoved(self._name, shard, LeaseChange.ASKED, sights[shard].lease.owner))

    async def _withdraw(self) -> None:
        """Take back what we have asked for, and give up what was handed to us since."""
        changes = {}
        for shard, seen in (await self._table.read(self._asked)).items():
            if seen.lease.owner == self._worker:
                changes[shard] = seen.lease.handed_over(), seen.version
            elif seen.lease.wanted_by == self._worker:
                changes[shard] = seen.lease.asked_by(""), seen.version
        await self._table.write(changes)
        self._asked.clear()
