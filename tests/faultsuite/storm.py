"""A seeded storm of faults for the proxy, and a fleet of daemons that are killed and started anew, one at a time."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import anyio
from aiohttp import web
from anyio import to_thread

from tests.e2e.processes import DaemonProcess, run_daemon
from tests.faults import Answer, Fault, Forward, cut, delayed, dropped, throttled, unanswered, unavailable

REPLICAS = 3
CONCURRENCY = 8
"""A target's max_concurrency: so many alerts a kill can catch between their sending and their confirmation."""


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


@dataclass(slots=True)
class Tally:
    """A webhook that notes when it was told what."""

    url: str = ""
    told: dict[str, list[float]] = field(default_factory=dict)
    """Times of arrival, monotonic, by idempotency key."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take it."""
        await request.read()
        self.told.setdefault(request.headers["Idempotency-Key"], []).append(time.monotonic())
        return web.Response()

    def repeated(self) -> list[list[float]]:
        """Return the arrivals of what was told more than once."""
        return [times for times in self.told.values() if len(times) > 1]


class Fleet:
    """Replicas of one configuration; use it as a context manager."""

    def __init__(self, folder: Path, config: dict[str, Any], seed: int) -> None:
        self.kills: list[float] = []
        """When, monotonic."""
        self._folder = folder
        self._config = config
        self._rng = random.Random(seed)
        self._stack = ExitStack()
        self._replicas: list[DaemonProcess] = []

    def __enter__(self) -> Self:
        for _ in range(REPLICAS):
            self._replicas.append(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def replicas(self) -> list[DaemonProcess]:
        """Those that run now."""
        return list(self._replicas)

    async def kill_now_and_then(self, least_seconds: float, most_seconds: float) -> None:
        """Kill -9 a random replica and start another in its place, for ever."""
        while True:
            await anyio.sleep(self._rng.uniform(least_seconds, most_seconds))
            place = self._rng.randrange(REPLICAS)
            self.kills.append(time.monotonic())
            self._replicas[place].kill()
            self._replicas[place] = self._start()
            await to_thread.run_sync(self._replicas[place].wait_until_ready)

    def assert_alive(self) -> None:
        """Fail with the log of a replica that ended by itself."""
        for replica in self._replicas:
            assert replica.process.poll() is None, replica.log_text()[-3000:]

    def _start(self) -> DaemonProcess:
        return self._stack.enter_context(run_daemon(self._folder, self._config))


def assert_only_kills_repeat(tally: Tally, kills: list[float]) -> None:
    """Assert that each repetition has a kill between its arrivals, and that no kill explains more than it can."""
    for first, *again in tally.repeated():
        assert len(again) <= sum(kill > first for kill in kills)
        assert all(any(first < kill < later for kill in kills) for later in again)
    assert sum(len(times) - 1 for times in tally.repeated()) <= CONCURRENCY * len(kills)
