"""Leases in the state store: `lease/<namespace>/<stream>/<shard>`, and `stream/<namespace>/<stream>` for the start.

keeper.py reads and writes through it while the daemon runs, `vigild leases` from outside.  What each write means is in
leases.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping

import msgspec

from daemon.clock import Clock
from daemon.errors import StateError
from daemon.sources.kinesis.checkpoints import Position
from daemon.sources.kinesis.leases import Lease, Versioned
from daemon.state.base import ABSENT, Conflict, Item, StateStore, Write

_PREFIX = "lease/"
_START_PREFIX = "stream/"
_KEPT_SECONDS = 400 * 86_400.0
"""Without a renewal.  A stream keeps records for at most 365 days, and lists a closed shard for as long:
https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html"""

_decode_lease = msgspec.json.Decoder(Lease).decode
_decode_position = msgspec.json.Decoder(Position).decode
_encode = msgspec.json.Encoder().encode


class Refused(msgspec.Struct, frozen=True):
    """The answer to a write whose version is out of date."""

    current: Versioned | None
    """As it stands now; None where the lease is gone, or cannot be read."""


class LeaseTable:
    """The leases of one stream in one namespace, but for those that cannot be read.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock, namespace: str, stream: str) -> None:
        self._store = store
        self._clock = clock
        self._start_key = f"{_START_PREFIX}{namespace}/{stream}"
        self._prefix = f"{_PREFIX}{namespace}/{stream}/"
        self.unreadable: dict[str, int] = {}
        """Shards whose leases, when last looked at, were not what this version of vigild writes, and the versions."""

    def key(self, shard: str) -> str:
        """Return where the lease lies."""
        return self._prefix + shard

    async def start(self, wanted: Position) -> Position:
        """Return where shards without a lease start: as whoever came first has said, which may be us, now."""
        (found,) = await self._store.get([self._start_key])
        if found is None:
            (answer,) = await self._store.put([Write(self._start_key, _encode(wanted), ABSENT)])
            if isinstance(answer, Item):
                return wanted
            found = answer.current
        return wanted if found is None else _position(found)

    async def restart(self, position: Position) -> None:
        """Say anew where shards without a lease start."""
        await self._store.put([Write(self._start_key, _encode(position), None)])

    async def read(self, shards: Collection[str]) -> dict[str, Versioned]:
        """Return the leases that there are, by shard."""
        if not shards:
            return {}
        found = await self._store.get([self.key(shard) for shard in shards])
        seen = {shard: self._seen(shard, item) for shard, item in zip(shards, found, strict=True)}
        return {shard: versioned for shard, versioned in seen.items() if versioned is not None}

    async def all(self) -> AsyncIterator[tuple[str, Versioned]]:
        """Yield every lease of the stream with its shard, also of shards that the stream has forgotten."""
        async for item in self._store.scan(self._prefix):
            shard = item.key.removeprefix(self._prefix)
            if (versioned := self._seen(shard, item)) is not None:
                yield shard, versioned

    async def create(self, shards: Collection[str], position: Position) -> None:
        """Make the leases that are missing; those that somebody else has made meanwhile stay."""
        await self._put({shard: (Lease(position), ABSENT) for shard in shards})

    async def write(self, changes: Mapping[str, tuple[Lease, int]]) -> dict[str, Versioned | Refused]:
        """Write leases, each on condition of its version."""
        answers = await self._put(changes)
        return {
            shard: Refused(self._seen(shard, answer.current))
            if isinstance(answer, Conflict)
            else Versioned(changes[shard][0], answer.version)
            for shard, answer in answers.items()
        }

    async def change(
        self, shards: Collection[str], change: Callable[[Lease], Lease], unreadable: Lease | None = None
    ) -> list[str]:
        """Change leases as an operator says, whatever their owners write meanwhile; return the shards that have one.

        Those that cannot be read are changed as if they were `unreadable`; without it they stay as they are.
        """
        found = await self.read(shards)
        if unreadable is not None:
            versions = {shard: self.unreadable[shard] for shard in shards if shard in self.unreadable}
            found |= {shard: Versioned(unreadable, version) for shard, version in versions.items()}
        remaining = found
        while remaining:
            answers = await self.write({shard: (change(seen.lease), seen.version) for shard, seen in remaining.items()})
            remaining = {
                shard: answer.current
                for shard, answer in answers.items()
                if isinstance(answer, Refused) and answer.current is not None
            }
        return list(found)

    async def _put(self, changes: Mapping[str, tuple[Lease, int]]) -> dict[str, Item | Conflict]:
        if not changes:
            return {}
        expires_at = self._clock.now() + _KEPT_SECONDS
        writes = [
            Write(self.key(shard), _encode(lease), version, expires_at) for shard, (lease, version) in changes.items()
        ]
        return dict(zip(changes, await self._store.put(writes), strict=True))

    def _seen(self, shard: str, item: Item | None) -> Versioned | None:
        self.unreadable.pop(shard, None)
        if item is None:
            return None
        try:
            return Versioned(_decode_lease(item.value), item.version)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable[shard] = item.version
            return None


async def streams_with_leases(store: StateStore) -> list[tuple[str, str]]:
    """Return namespace and stream of everything that has been read, sorted."""
    names = [item.key.removeprefix(_START_PREFIX).split("/", 1) async for item in store.scan(_START_PREFIX)]
    return [(namespace, stream) for namespace, stream in names]


def _position(item: Item) -> Position:
    try:
        return _decode_position(item.value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"{item.key} holds no position of this version: {error}") from error
