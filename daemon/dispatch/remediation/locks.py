"""One action at a time on one resource, over all processes: two events about it must not undo each other's work.

kernel.py holds the locks of a subject from its first look until the change has been verified.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio

from daemon.actions.subject import Subject
from daemon.clock import Clock
from daemon.dedupe.session import Session
from daemon.dispatch.remediation.keys import resource_key
from daemon.errors import FailureKind, RetryableError
from daemon.retry import RetryPolicy
from daemon.state.base import ABSENT, Delete, Item, StateStore, Write

_PREFIX = "lock/"
_KEEP_SECONDS = 86_400.0
_WAITS = RetryPolicy(base_seconds=0.1, cap_seconds=2.0)
_MOST_LOOKS = 20


class ResourceLocks:
    """Locks that live as long as the session of the process that holds them.  Every verb raises StateError."""

    def __init__(self, store: StateStore, session: Session, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._session = session
        self._clock = clock
        self._rng = rng
        self._local: dict[str, _Local] = {}

    @asynccontextmanager
    async def hold(self, subject: Subject) -> AsyncIterator[HeldLocks]:
        """Hold all of the subject's resources.  Raises RetryableError where others hold one for long."""
        keys = sorted(resource_key(_PREFIX, subject, name) for name in subject.resources)
        held = HeldLocks(self._store, self._session, self._clock)
        async with AsyncExitStack() as stack:
            for key in keys:
                await stack.enter_async_context(self._in_process(key))
                held.versions[key] = await self._acquire(key)
                stack.push_async_callback(self._release, key, held)
            yield held

    @asynccontextmanager
    async def _in_process(self, key: str) -> AsyncIterator[None]:
        local = self._local.setdefault(key, _Local())
        local.users += 1
        try:
            async with local.lock:
                yield
        finally:
            local.users -= 1
            if not local.users:
                del self._local[key]

    async def _acquire(self, key: str) -> int:
        """Take the lock over from nobody or from a dead process; return its version."""
        expect = ABSENT
        for look in range(_MOST_LOOKS):
            (answer,) = await self._store.put([_write(key, self._session, self._clock, expect)])
            if isinstance(answer, Item):
                return answer.version
            expect = ABSENT
            if answer.current is not None:
                owner = answer.current.value.decode(errors="replace")
                # Ours, and no task of ours is at it: a release that did not get through.
                if owner == self._session.id or not await self._session.alive({owner}):
                    expect = answer.current.version
                    continue
            await self._clock.sleep(_WAITS.delay(look + 1, None, self._rng))
        raise RetryableError(FailureKind.STATE, f"{key.removeprefix(_PREFIX)}: another process is at this resource")

    async def _release(self, key: str, held: HeldLocks) -> None:
        # A lock that stays behind is taken over by this process, or by others once its session has ended.
        with anyio.CancelScope(shield=True):
            await self._store.delete([Delete(key, held.versions[key])])


class HeldLocks:
    """What one task holds, with the versions that say so."""

    def __init__(self, store: StateStore, session: Session, clock: Clock) -> None:
        self._store = store
        self._session = session
        self._clock = clock
        self._generation = session.generation
        self.versions: dict[str, int] = {}

    async def affirm(self) -> None:
        """Pass where nobody else can be at the resources by now.  Raises RetryableError where others may have been.

        Costs nothing while the session goes on without a gap; after one (a pause of the process) the locks are written
        anew, so that whoever found us dead and is about to take one over fails, or has failed this.
        """
        while self._generation != self._session.generation or not self._session.fresh:
            if not self._session.fresh:
                await self._session.renew()
            generation, answered = self._session.generation, True
            writes = [_write(key, self._session, self._clock, version) for key, version in self.versions.items()]
            for write, answer in zip(writes, await self._store.put(writes), strict=True):
                current = answer if isinstance(answer, Item) else answer.current
                if current is None or current.value != write.value:
                    raise RetryableError(FailureKind.STATE, "another process has taken the resource over meanwhile")
                self.versions[write.key] = current.version
                # An earlier write of this kind got through, only its answer did not: once more, as in claims.py.
                answered = answered and isinstance(answer, Item)
            if answered:
                self._generation = generation


def _write(key: str, session: Session, clock: Clock, expect: int) -> Write:
    return Write(key, session.id.encode(), expect, clock.now() + _KEEP_SECONDS)


class _Local:
    """A lock within this process, kept while somebody uses or waits for it."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.users = 0
