"""The lease protocol: who reads which shard.  Pure values and decisions; keeper.py carries them out on the state store.

A lease is one item of the state store for one shard: its owner, and the position up to which everything is settled.
Every change is a write on condition of the item's version, so position and ownership are one: who lost the lease
cannot save a position, however long it was paused.

- An owner renews its leases several times in `lease_seconds`, and stops reading when a renewal has not got through for
  that long, counted from the moment the last one was *sent*.
- Others see a renewal by `beat`, which only the owner moves on, and count from the moment they first *saw* it by their
  own monotonic clock: so no two clocks are compared, and an owner stops before anybody takes over.
- To balance, a worker with too few leases asks one with too many for some (`wanted_by`).  The owner stops reading that
  shard, finishes what it has in hand, then names the new owner together with the last position.
- `generation` grows with each change of owner: a write of our own whose answer was lost, or a request that came in
  between, can so be told from having lost the lease.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Collection, Mapping

import msgspec

from daemon.sources.kinesis.checkpoints import At, Position


class Lease(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored for one shard."""

    position: Position
    owner: str = ""
    """The worker that reads the shard; "" for nobody."""
    generation: int = 0
    beat: int = 0
    """Grows with each renewal."""
    wanted_by: str = ""
    """The worker that the owner is asked to hand over to."""
    behind_ms: int | None = None
    """How far the owner was behind the end of the stream when it renewed; for people."""
    renewed_at: float = 0.0
    """Seconds since the epoch, by the owner's clock; for people, no decision rests on it."""

    @property
    def ended(self) -> bool:
        """Whether the shard is closed and done with."""
        return self.position.at is At.END

    def taken_by(self, worker: str) -> Lease:
        """Give the lease to a worker that takes it by itself."""
        return msgspec.structs.replace(self, owner=worker, generation=self.generation + 1, wanted_by="")

    def asked_by(self, worker: str) -> Lease:
        """Ask the owner to hand over to a worker; "" withdraws that."""
        return msgspec.structs.replace(self, wanted_by=worker)

    def renewed(self, position: Position, behind_ms: int | None, now: float) -> Lease:
        """Save a position, and show that the owner is alive."""
        return msgspec.structs.replace(self, position=position, beat=self.beat + 1, behind_ms=behind_ms, renewed_at=now)

    def handed_over(self) -> Lease:
        """Give the lease up, to the worker that asked for it where there is one."""
        return self.taken_by(self.wanted_by)

    def reset(self, position: Position) -> Lease:
        """Start the shard anew from a position: an operator's command, which no owner's write survives."""
        return Lease(position, generation=self.generation + 1)

    def same_holding(self, other: Lease) -> bool:
        """Whether it is still the same ownership, whatever else has changed."""
        return self.owner == other.owner and self.generation == other.generation


class Versioned(msgspec.Struct, frozen=True):
    """A lease as it stands in the store."""

    lease: Lease
    version: int


class Sight(msgspec.Struct, frozen=True):
    """A lease, and since when (monotonic, seconds) a worker has seen no sign of life from its owner."""

    lease: Lease
    version: int
    since: float


def look(before: Mapping[str, Sight], found: Mapping[str, Versioned], now: float) -> dict[str, Sight]:
    """Return what a worker knows after it has read the leases, the clock being looked at after the answer."""
    sights = {}
    for shard, seen in found.items():
        known = before.get(shard)
        silent = known is not None and known.lease.beat == seen.lease.beat and known.lease.same_holding(seen.lease)
        sights[shard] = Sight(seen.lease, seen.version, known.since if known is not None and silent else now)
    return sights


class Terms(msgspec.Struct, frozen=True):
    """What all workers of a stream agree on, and how greedy this one is."""

    lease_seconds: float
    most_steals: int


class Plan(msgspec.Struct):
    """What a worker should write now, by shard."""

    take: list[str]
    """Nobody's, or of an owner that has lapsed."""
    adopt: list[str]
    """Ours, but not held yet: handed over to us, or taken by a write whose answer was lost."""
    ask: list[str]
    """Of a worker that has too many."""


def plan(
    sights: Mapping[str, Sight], held: Collection[str], worker: str, now: float, terms: Terms, rng: random.Random
) -> Plan:
    """Decide what a worker does about the readable shards in `sights`, of which it holds some.

    Fair is the same number for all, rounded up.  Which of several shards is left to chance, so that workers that
    decide at the same moment seldom want the same.
    """
    adopt = [shard for shard, sight in sights.items() if sight.lease.owner == worker and shard not in held]
    free: list[str] = []
    loads: dict[str, list[str]] = {worker: []}
    for shard, sight in sights.items():
        if _lapsed(sight, worker, now, terms.lease_seconds):
            free.append(shard)
        else:
            loads.setdefault(sight.lease.wanted_by or sight.lease.owner, []).append(shard)
    fair = math.ceil(len(sights) / len(loads))
    take = rng.sample(free, min(len(free), max(0, fair - len(loads[worker]))))
    return Plan(take, adopt, [] if free else _steals(sights, loads, worker, terms, rng))


def _lapsed(sight: Sight, worker: str, now: float, lease_seconds: float) -> bool:
    owner = sight.lease.owner
    return not owner or (owner != worker and now - sight.since > lease_seconds)


def _steals(
    sights: Mapping[str, Sight], loads: Mapping[str, list[str]], worker: str, terms: Terms, rng: random.Random
) -> list[str]:
    """Choose from whoever has most, as long as that leaves it with no less than we then have."""
    counts = Counter({other: len(shards) for other, shards in loads.items()})
    asked: list[str] = []
    while len(asked) < terms.most_steals:
        richest, most = counts.most_common(1)[0]
        if most - counts[worker] < 2:
            break
        offered = [s for s in loads[richest] if s not in asked and sights[s].lease.owner == richest]
        if not offered:
            break
        asked.append(rng.choice(offered))
        counts[richest] -= 1
        counts[worker] += 1
    return asked
