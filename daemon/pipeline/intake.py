"""Keeps sources open and receivers at work, with back-off while they cannot be reached; pipeline/__init__.py runs it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio
import anyio.abc

from daemon.clock import Clock
from daemon.errors import EffectError
from daemon.event import Delivery
from daemon.pipeline.memory import InFlight
from daemon.retry import RetryPolicy
from daemon.sources.base import EndOfSource, Source
from daemon.telemetry import Telemetry
from daemon.telemetry.conditions import SourceExhausted, SourceFailed, SourceReached

T = TypeVar("T")
HandOver = Callable[[Source, Sequence[Delivery]], None]

_BACK_OFF = RetryPolicy(base_seconds=0.5, cap_seconds=30.0)


class Intake:
    """All sources of the daemon, from open to the last receive."""

    def __init__(
        self, sources: Sequence[Source], in_flight: InFlight, telemetry: Telemetry, clock: Clock, rng: random.Random
    ) -> None:
        self.sources = sources
        self._in_flight = in_flight
        self._telemetry = telemetry
        self._clock = clock
        self._rng = rng
        self._receiving = anyio.CancelScope()
        self._well: set[str] = set()

    async def run(self, hand_over: HandOver, background: anyio.abc.TaskGroup) -> None:
        """Hand over batches until every source is exhausted, or until the stop's grace is over."""
        with self._receiving:
            async with anyio.create_task_group() as group:
                for source in self.sources:
                    group.start_soon(self._feed, source, hand_over, background)

    def stop(self, grace_seconds: float) -> None:
        """Ask for nothing new; calls under way may bring messages for grace_seconds more."""
        for source in self.sources:
            source.quiesce()
        self._receiving.deadline = anyio.current_time() + grace_seconds

    async def _feed(self, source: Source, hand_over: HandOver, background: anyio.abc.TaskGroup) -> None:
        self._telemetry.health.ill(f"source {source.name}", "not open yet")
        await self._until_reached(source, source.open)
        background.start_soon(source.run)
        async with anyio.create_task_group() as group:
            for _ in range(source.receivers):
                group.start_soon(self._receive, source, hand_over)
        self._telemetry.emit(SourceExhausted(source.name))

    async def _receive(self, source: Source, hand_over: HandOver) -> None:
        while True:
            await self._in_flight.wait_for_room(source.name)
            try:
                batch = await self._until_reached(source, source.receive)
            except EndOfSource:
                return
            if batch:
                hand_over(source, batch)

    async def _until_reached(self, source: Source, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call of the source until it answers; meanwhile the daemon is not ready.

        Permanent errors are repeated too: a queue may be made, a permission given, while the daemon waits.
        """
        failures = 0
        while True:
            try:
                answer = await call()
            except EndOfSource:
                self._reached(source)
                raise
            except EffectError as error:
                failures += 1
                wait = _BACK_OFF.delay(failures, getattr(error, "delay", None), self._rng)
                self._telemetry.emit(SourceFailed(source.name, error.kind, error.detail, wait))
                self._telemetry.health.ill(f"source {source.name}", f"{error.kind}: {error.detail}")
                self._well.discard(source.name)
                await self._clock.sleep(wait)
            else:
                self._reached(source)
                return answer

    def _reached(self, source: Source) -> None:
        if source.name not in self._well:
            self._well.add(source.name)
            self._telemetry.emit(SourceReached(source.name))
            self._telemetry.health.well(f"source {source.name}")
