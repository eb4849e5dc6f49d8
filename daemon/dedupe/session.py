"""The lease by which other processes see that this one lives: a claim is as alive as the session that holds it.

One row for the whole process, renewed while it runs, instead of a renewal for every claim.  app.py runs `keep`;
claims.py asks whether sessions live.  tests/model/ goes through all interleavings of this file and claims.py.

Who looks does not compare times with the owner: a session is dead when it is gone, or when the same version of it has
been there for its whole length by the looker's own clock.  So hosts whose clocks differ do not rob each other.  And
only time counts during which the looker's own lease held: when the store was away, or the machine short of processor,
everybody stood still, and the first to come back would find all others dead.
"""

from __future__ import annotations

import os
import random
import secrets

import msgspec

from daemon.clock import Clock
from daemon.errors import StateError
from daemon.retry import RetryPolicy
from daemon.state.base import ABSENT, Delete, Item, StateStore, Write
from daemon.telemetry import Telemetry
from daemon.telemetry.actions import StoredItemUnreadable
from daemon.telemetry.conditions import SessionLapsed, StateFailed
from daemon.telemetry.names import StoredKind

_PREFIX = "session/"
_WRONG_CLOCK_SECONDS = 900.0
"""By how much clocks may differ before the row of one that lives looks expired.  AWS refuses calls that are further off
(AWS General Reference, "Signature Version 4": at most 15 minutes)."""
_MOST_SEEN = 10_000
_BACK_OFF = RetryPolicy(base_seconds=0.2, cap_seconds=2.0)


class _Row(msgspec.Struct, frozen=True):
    pid: int
    """For people."""
    ttl_seconds: float


_decode_row = msgspec.json.Decoder(_Row).decode


class Outage:
    """Whether something has failed for so long without a success in between that it counts as away."""

    def __init__(self, clock: Clock, away_after_seconds: float) -> None:
        self._clock = clock
        self._away_after = away_after_seconds
        self._since: float | None = None

    @property
    def away(self) -> bool:
        """Whether it counts as away."""
        return self._since is not None and self._clock.monotonic() - self._since >= self._away_after

    def failed(self) -> None:
        """A call failed."""
        if self._since is None:
            self._since = self._clock.monotonic()

    def answered(self) -> bool:
        """A call succeeded; return whether one had failed before."""
        ended, self._since = self._since is not None, None
        return ended


class Session:
    """The presence of one process in the state store.

    `generation` grows whenever the lease may have lapsed in between (a pause, a store that was away): claims made in
    an older generation may have been taken over and must be looked at again before they are acted on.
    """

    def __init__(
        self,
        store: StateStore,
        clock: Clock,
        telemetry: Telemetry,
        ttl_seconds: float = 15.0,
        away_after_seconds: float = 5.0,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.generation = 0
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._ttl = ttl_seconds
        self.away_after_seconds = away_after_seconds
        self._outage = Outage(clock, away_after_seconds)
        self._renewed_at = float("-inf")
        self._unbroken_since = float("-inf")
        """Since when the lease has held without a gap."""
        self._seen: dict[str, tuple[int, float]] = {}
        """Others' sessions: the version last seen, and when it was seen first."""

    @property
    def fresh(self) -> bool:
        """Whether the lease surely holds now, with a margin of a fifth of its length."""
        return self._clock.monotonic() - self._renewed_at < self._ttl * 0.8

    @property
    def away(self) -> bool:
        """Whether the lease could not be renewed for so long that the store counts as away."""
        return self._outage.away

    async def renew(self) -> None:
        """Write the lease.  Raises StateError."""
        asked_at = self._clock.monotonic()
        value = msgspec.json.encode(_Row(os.getpid(), self._ttl))
        expires_at = self._clock.now() + self._ttl + _WRONG_CLOCK_SECONDS
        await self._store.put([Write(_PREFIX + self.id, value, None, expires_at)])
        if not self.fresh:
            if self.generation:
                self._telemetry.emit(SessionLapsed(self._clock.monotonic() - self._renewed_at))
            # By now, not when we asked: the write may have taken its time, and others have found us dead before it.
            self.generation += 1
            self._unbroken_since = self._clock.monotonic()
        self._renewed_at = max(asked_at, self._renewed_at)

    async def keep(self, rng: random.Random) -> None:
        """Renew three times in each lease's length, however long an answer takes; report while there is none."""
        failures = 0
        while True:
            try:
                await self.renew()
            except StateError as error:
                failures += 1
                self._outage.failed()
                wait = _BACK_OFF.delay(failures, None, rng)
                self._telemetry.emit(StateFailed(error.detail, wait))
                self._telemetry.health.ill("state store", error.detail)
            else:
                failures = 0
                self._outage.answered()
                wait = max(self._renewed_at + self._ttl / 3 - self._clock.monotonic(), _BACK_OFF.base_seconds)
                self._telemetry.health.well("state store")
            await self._clock.sleep(wait)

    async def is_alone(self) -> bool:
        """Return whether no other process has a session here.  Raises StateError."""
        async for item in self._store.scan(_PREFIX):
            if item.key != _PREFIX + self.id:
                return False
        return True

    async def alive(self, sessions: set[str]) -> set[str]:
        """Return those of the sessions that cannot be said to be dead.  Raises StateError."""
        asked, asked_at = sorted(sessions), self._clock.monotonic()
        if not self.fresh:
            return sessions
        found = await self._store.get([_PREFIX + session for session in asked])
        return {
            session
            for session, item in zip(asked, found, strict=True)
            if not (self._has_been_gone(asked_at) if item is None else self._has_stood_still(session, item, asked_at))
        }

    def _has_been_gone(self, asked_at: float) -> bool:
        """Whether a session without a row was given up; after a gap of our own, its row may only have expired."""
        return self.generation == 1 or asked_at - self._unbroken_since >= self._ttl

    def _has_stood_still(self, session: str, item: Item, asked_at: float) -> bool:
        """Whether this very version was seen a whole length of the lease before we asked."""
        version, since = self._seen.get(session, (ABSENT, 0.0))
        if version == item.version:
            return asked_at - max(since, self._unbroken_since) >= self._length_of(item)
        if len(self._seen) >= _MOST_SEEN:
            # Forgetting only delays.
            self._seen.clear()
        self._seen[session] = (item.version, self._clock.monotonic())
        return False

    def _length_of(self, item: Item) -> float:
        try:
            return _decode_row(item.value).ttl_seconds
        except msgspec.DecodeError:
            self.found_unreadable(StoredKind.SESSION, item)
            return self._ttl

    def found_unreadable(self, kind: StoredKind, item: Item) -> None:
        """Count and log an item of the store that is not what any process has written."""
        self._telemetry.emit(StoredItemUnreadable(kind, item.key))

    async def end(self) -> None:
        """Give the lease up, so that others need not wait for its end.  Raises StateError."""
        await self._store.delete([Delete(_PREFIX + self.id, None)])
