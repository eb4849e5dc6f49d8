"""Knows what is in hand: which delivery has how many events open, and settles it when the last one is final.

pipeline/__init__.py enters batches and reports events; settling goes to the delivery's source.  The one rule here is
promise 1: nothing is acknowledged before everything it asked for is final.
"""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import msgspec

from daemon.clock import Clock
from daemon.event import Delivery
from daemon.pipeline.memory import InFlight
from daemon.pipeline.sift import Sifted
from daemon.sources.base import Source
from daemon.telemetry import Telemetry
from daemon.telemetry.names import Outcome, Settlement, Stage
from daemon.telemetry.signals import BatchReceived, DeliveriesSettled, EventSettled, StageTimed

_CLOSE_SECONDS = 3.0
"""For giving back and flushing at the end; SQS answers in milliseconds, and what is not given back comes by itself."""


class _Entry(msgspec.Struct, eq=False):
    source: Source
    delivery: Delivery
    open_events: int = 0
    sifted: bool = False
    leave: bool = False
    """Give it back instead of acknowledging it: a rejected message that the queue itself must redrive."""


class Ledger:
    """All deliveries in hand."""

    def __init__(self, in_flight: InFlight, telemetry: Telemetry, clock: Clock) -> None:
        self.in_flight = in_flight
        self.released = 0
        self._telemetry = telemetry
        self._clock = clock
        self._entries: dict[int, _Entry] = {}
        self._sources: dict[str, Source] = {}
        self._ready: dict[str, dict[Settlement, list[Delivery]]] = {}
        self._settling: set[str] = set()
        self._wake = anyio.Event()

    def enter(self, source: Source, batch: Sequence[Delivery]) -> None:
        """Take a batch in hand."""
        self._sources[source.name] = source
        self._ready.setdefault(source.name, {})
        size = self.in_flight.take(batch)
        self._telemetry.emit(BatchReceived(source.name, len(batch), size))
        for delivery in batch:
            self._entries[id(delivery)] = _Entry(source, delivery)

    def expect(self, chunk: Sifted) -> None:
        """Open an event for each match and rejection of the chunk; deliveries that ask for nothing settle now."""
        for delivery, _ in (*chunk.matches, *chunk.rejections):
            self._entries[id(delivery)].open_events += 1
        final = []
        for delivery in chunk.finished:
            entry = self._entries[id(delivery)]
            entry.sifted = True
            if entry.open_events == 0:
                final.append(entry)
        self._settle_final(final)

    def leave(self, delivery: Delivery) -> None:
        """Mark a delivery to be given back, not acknowledged, once its events are final."""
        self._entries[id(delivery)].leave = True

    def event_final(self, delivery: Delivery, outcome: Outcome) -> None:
        """Close one event of a delivery."""
        entry = self._entries[id(delivery)]
        entry.open_events -= 1
        self._telemetry.emit(EventSettled(delivery.source, outcome))
        if entry.sifted and entry.open_events == 0:
            self._settle_final((entry,))

    def _settle_final(self, entries: Sequence[_Entry]) -> None:
        for entry in entries:
            self._queue(entry, Settlement.RELEASED if entry.leave else Settlement.ACKNOWLEDGED)
        if entries:
            self._wake.set()

    def _queue(self, entry: _Entry, settlement: Settlement) -> None:
        del self._entries[id(entry.delivery)]
        self._ready[entry.source.name].setdefault(settlement, []).append(entry.delivery)

    async def settle(self) -> None:
        """Tell sources what has become final, in batches, for ever; no effect waits for it, no source for another."""
        async with anyio.create_task_group() as settling:
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                for name, ready in self._ready.items():
                    if ready and name not in self._settling:
                        self._settling.add(name)
                        settling.start_soon(self._settle_ready, name)

    async def _settle_ready(self, name: str) -> None:
        ready = self._ready[name]
        try:
            while ready:
                settlement, deliveries = ready.popitem()
                await self._settle(name, settlement, deliveries)
        finally:
            self._settling.discard(name)

    async def _settle(self, name: str, settlement: Settlement, deliveries: list[Delivery]) -> None:
        started = self._clock.monotonic()
        try:
            await self._sources[name].settle(deliveries, settlement)
        except anyio.get_cancelled_exc_class():
            # Perhaps told, perhaps not: close tells again, which a source must bear.
            self._ready[name].setdefault(settlement, []).extend(deliveries)
            raise
        self._telemetry.emit(StageTimed(Stage.SETTLE, self._clock.monotonic() - started))
        self._telemetry.emit(DeliveriesSettled(name, settlement, len(deliveries)))
        self.in_flight.give_back(deliveries)

    async def close(self) -> None:
        """Give back what is not final, settle the rest, flush every source; bounded in time, whatever else happens."""
        for entry in list(self._entries.values()):
            self.released += 1
            self._queue(entry, Settlement.RELEASED)
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            async with anyio.create_task_group() as closing:
                for name in self._sources:
                    closing.start_soon(self._settle_last, name)

    async def _settle_last(self, name: str) -> None:
        await self._settle_ready(name)
        await self._sources[name].flush()
