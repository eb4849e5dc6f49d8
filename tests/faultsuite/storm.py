"""A seeded storm of faults for the proxy, and a fleet of daemons that are killed and started anew, or paused, one at a
time.

judging.py says whether what the fleet did keeps the promises.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple, Self

import anyio
from aiohttp import web
from anyio import to_thread

from tests.e2e.processes import DaemonProcess, run_daemon
from tests.faults import Answer, Fault, Forward, cut, delayed, dropped, throttled, unanswered, unavailable

REPLICAS = 3
CONCURRENCY = 8
"""A target's max_concurrency: so many alerts a kill can catch between their sending and their confirmation."""
SESSION_SECONDS = 10.0
PAUSE_SECONDS = (0.5 * SESSION_SECONDS, 2.0 * SESSION_SECONDS)
"""Some outlast the session, some do not."""
CALM_SECONDS = (4.0, 8.0)
"""Between two mishaps."""
STATE_AWAY_AT_START = 1
"""An exit code: docs/operations.md."""
STALLED_SECONDS = 180.0
"""Without any progress; how long all of it takes is the machine's affair."""


def doubled() -> Fault:
    """Let the emulator do it twice, as a network that repeats a request does; the second answer goes back."""

    async def fault(forward: Forward) -> Answer:
        await forward()
        return await forward()

    return fault


FAULTS: tuple[tuple[str, Fault], ...] = (
    ("throttled", throttled()),
    ("unavailable", unavailable()),
    ("dropped", dropped()),
    ("answer lost", unanswered()),
    ("answer cut", cut()),
    ("delayed", delayed(1.0)),
    ("doubled", doubled()),
)


class Storm:
    """Does the faults, one kind after the other, to a share of all calls, by the seed."""

    def __init__(self, seed: int, share: float) -> None:
        self.done: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._share = share

    async def strike(self, forward: Forward) -> Answer:
        """Fault for FaultProxy: mostly none."""
        if self._rng.random() >= self._share:
            return await forward()
        name, fault = FAULTS[self.done.total() % len(FAULTS)]
        self.done[name] += 1
        return await fault(forward)


class Telling(NamedTuple):
    """An alert that arrived."""

    at: float
    """Since the epoch, as the daemons' logs have it; when it was read, which may be long after it was sent."""
    replica: str


@dataclass(slots=True)
class Tally:
    """A webhook that notes who told it what."""

    url: str = ""
    told: dict[str, list[Telling]] = field(default_factory=dict)
    """By idempotency key."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take it."""
        await request.read()
        telling = Telling(time.time(), request.headers["Replica"])
        self.told.setdefault(request.headers["Idempotency-Key"], []).append(telling)
        return web.Response()


@dataclass(slots=True)
class Replica:
    """One life of a daemon."""

    name: str
    """What it tells the webhook."""
    daemon: DaemonProcess
    killed_at: float | None = None
    """Since the epoch."""


class Fleet:
    """Replicas of one configuration; use it as a context manager."""

    def __init__(self, folder: Path, config: dict[str, Any], seed: int) -> None:
        self.lives: list[Replica] = []
        """All that were ever started."""
        self.pauses = 0
        self._folder = folder
        self._config = config
        self._rng = random.Random(seed)
        self._stack = ExitStack()
        self._running: list[Replica] = []

    def __enter__(self) -> Self:
        self._running += [self._start() for _ in range(REPLICAS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def kills(self) -> int:
        """How many were killed."""
        return sum(life.killed_at is not None for life in self.lives)

    @property
    def replicas(self) -> list[DaemonProcess]:
        """Those that run now."""
        return [replica.daemon for replica in self._running]

    async def suffer(self, progress: Callable[[], Hashable]) -> None:
        """Kill -9 a random replica and start another in its place, or pause it, for ever.

        The next one when there was progress since: on a machine so busy that a start takes longer than the time between
        two, nothing would ever come to its end.
        """
        for number in count():
            await anyio.sleep(self._rng.uniform(*CALM_SECONDS))
            place, before = self._rng.randrange(REPLICAS), progress()
            if number % 3 == 1:
                await self._pause(self._running[place].daemon.process, self._rng.uniform(*PAUSE_SECONDS))
            else:
                await to_thread.run_sync(self._replace, place)
            while progress() == before:  # noqa: ASYNC110 - what is waited for happens in other processes
                await anyio.sleep(0.2)

    async def _pause(self, process: Popen[bytes], seconds: float) -> None:
        self.pauses += 1
        process.send_signal(signal.SIGSTOP)
        try:
            await anyio.sleep(seconds)
        finally:
            process.send_signal(signal.SIGCONT)

    def _replace(self, place: int) -> None:
        """In a thread: the webhook goes on listening."""
        killed = self._running[place]
        killed.killed_at = time.time()
        killed.daemon.kill()
        while not has_come_up(replica := self._start()):
            pass
        self._running[place] = replica

    def assert_alive(self) -> None:
        """Fail with the log of a replica that ended by itself."""
        for replica in self._running:
            ended = replica.killed_at is None and replica.daemon.process.poll() is not None
            assert not ended, replica.daemon.log_text()[-3000:]

    def _start(self) -> Replica:
        name = str(len(self.lives))
        hook = {**self._config["targets"]["hook"], "headers": {"Replica": name}}
        config = {**self._config, "targets": {"hook": hook}, "telemetry": {"log_level": "debug"}}
        self.lives.append(Replica(name, self._stack.enter_context(run_daemon(self._folder, config))))
        return self.lives[-1]


def has_come_up(replica: Replica) -> bool:
    """Wait until it has; False where the storm kept it from its state, so that a supervisor would start it again."""
    try:
        replica.daemon.wait_until_ready(STALLED_SECONDS)
    except AssertionError:
        if replica.daemon.process.poll() != STATE_AWAY_AT_START:
            raise
        return False
    return True


class Patience:
    """Waits however long it takes, but not where nothing makes any progress."""

    def __init__(self, assert_alive: Callable[[], None]) -> None:
        self._assert_alive = assert_alive
        self._reached: Hashable = None
        self._since = time.monotonic()

    def look(self, reached: Hashable) -> None:
        """Fail where this has not changed for too long, or a process ended by itself."""
        self._assert_alive()
        if reached != self._reached:
            self._reached, self._since = reached, time.monotonic()
        assert time.monotonic() - self._since < STALLED_SECONDS, f"no progress since {reached}"
