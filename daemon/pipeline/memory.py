"""The bound on memory: bytes and count of deliveries in hand.  Receivers wait here: that is the backpressure."""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from daemon.clock import Clock
from daemon.event import Delivery
from daemon.telemetry import Telemetry
from daemon.telemetry.conditions import BackpressureEnded, MemoryMeasured


class InFlight:
    """Counts what has been received and not yet settled, over all sources."""

    def __init__(self, max_deliveries: int, max_bytes: int, telemetry: Telemetry, clock: Clock) -> None:
        self.deliveries = 0
        self.bytes = 0
        self._max_deliveries = max_deliveries
        self._max_bytes = max_bytes
        self._telemetry = telemetry
        self._clock = clock
        self._freed = anyio.Event()
        telemetry.metrics.gauge("in_flight_limit_bytes").set(max_bytes)

    async def wait_for_room(self, source: str) -> None:
        """Return when there is room for at least one more byte and delivery.

        How large the next batch will be is not known before it is here, so each receiver may go over the limit by one.
        """
        if self._has_room():
            return
        started = self._clock.monotonic()
        while not self._has_room():
            await self._freed.wait()
        self._telemetry.emit(BackpressureEnded(source, self._clock.monotonic() - started))

    def take(self, batch: Sequence[Delivery]) -> int:
        """Count a batch in; return its bytes."""
        size = sum(len(delivery.body) for delivery in batch)
        self.deliveries += len(batch)
        self.bytes += size
        self._telemetry.emit(MemoryMeasured(self.bytes))
        return size

    def give_back(self, settled: Sequence[Delivery]) -> None:
        """Count settled deliveries out."""
        self.deliveries -= len(settled)
        self.bytes -= sum(len(delivery.body) for delivery in settled)
        self._telemetry.emit(MemoryMeasured(self.bytes))
        if self._has_room():
            self._freed.set()
            self._freed = anyio.Event()

    def _has_room(self) -> bool:
        return self.deliveries < self._max_deliveries and self.bytes < self._max_bytes
