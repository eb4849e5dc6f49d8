"""THE flow, on one screen: receive → sift (decode, dedupe, match) → dispatch and park → settle.

app.py runs it.  sift.py does the work between awaits, memory.py bounds what is in hand, intake.py keeps sources open
and receivers at work, refusals.py parks what cannot be read, ledger.py knows when a delivery's last event is final.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import anyio

from daemon.dispatch.dispatcher import Dispatcher
from daemon.dispatch.plan import Match
from daemon.event import Delivery, Rejection
from daemon.pipeline.intake import Intake
from daemon.pipeline.ledger import Ledger
from daemon.pipeline.refusals import Refusals
from daemon.pipeline.sift import Sieve, Sifted
from daemon.sources.base import Source
from daemon.telemetry.names import Outcome

__all__ = ("Pipeline",)

_MOST_CHUNKS = 4
"""Of one batch, whose effects are under way while it is unpacked further."""


class Pipeline:
    """All sources through one sieve to one dispatcher."""

    def __init__(
        self,
        intake: Intake,
        sieve: Sieve,
        dispatcher: Dispatcher,
        ledger: Ledger,
        refusals: Refusals,
    ) -> None:
        self.intake = intake
        self.sieve = sieve
        self.dispatcher = dispatcher
        self.ledger = ledger
        self.refusals = refusals
        self._sifting = anyio.Lock(fast_acquire=True)
        self._unpacking: defaultdict[str, anyio.Lock] = defaultdict(lambda: anyio.Lock(fast_acquire=True))
        self._drain = anyio.CancelScope()

    async def run(self) -> None:
        """Run until all sources are exhausted or stop is called, and all in hand is settled or given back."""
        async with anyio.create_task_group() as background:
            background.start_soon(self.ledger.settle)
            try:
                with self._drain:
                    async with anyio.create_task_group() as work:

                        def hand_over(source: Source, batch: Sequence[Delivery]) -> None:
                            self.ledger.enter(source, batch)
                            work.start_soon(self._work, source, batch)

                        await self.intake.run(hand_over, background)
            finally:
                await self.ledger.close()
            background.cancel_scope.cancel()

    def stop(self, grace_seconds: float, drain_seconds: float) -> None:
        """Stop receiving after grace_seconds; after drain_seconds give back what is not settled by then."""
        self.intake.stop(grace_seconds)
        self._drain.deadline = anyio.current_time() + drain_seconds

    async def _work(self, source: Source, batch: Sequence[Delivery]) -> None:
        # One batch of a source is unpacked at a time, and one chunk of all: with the room for chunks, these locks bound
        # the memory for documents that grow when unpacked.  Effects are waited for under none of those that other
        # sources need, so that a target that is down holds up only the source whose chunks it fills.
        room = anyio.Semaphore(_MOST_CHUNKS, fast_acquire=True)
        async with anyio.create_task_group() as effects:
            async with self._unpacking[source.name]:
                chunks = self.sieve.sift(source.name, batch)
                chunk = await self._next(chunks)
                while not chunk.last:
                    await room.acquire()
                    effects.start_soon(self._carry_out_one_of, chunk, room)
                    chunk = await self._next(chunks)
            await self._carry_out(chunk)

    async def _next(self, chunks: AsyncIterator[Sifted]) -> Sifted:
        async with self._sifting:
            chunk = await anext(chunks)
        self.ledger.expect(chunk)
        return chunk

    async def _carry_out_one_of(self, chunk: Sifted, room: anyio.Semaphore) -> None:
        try:
            await self._carry_out(chunk)
        finally:
            room.release()

    async def _carry_out(self, chunk: Sifted) -> None:
        """Bring everything the chunk asks for to its end; the ledger settles each delivery as soon as it can."""
        if not chunk.matches and not chunk.rejections:
            return
        deliveries = {id(match): delivery for delivery, match in chunk.matches}

        def on_final(match: Match, outcome: Outcome) -> None:
            self.sieve.remember(match.event)
            self.ledger.event_final(deliveries[id(match)], outcome)

        async with anyio.create_task_group() as group:
            for delivery, rejection in chunk.rejections:
                group.start_soon(self._refuse, delivery, rejection)
            if chunk.matches:
                group.start_soon(self.dispatcher.carry_out, [match for _, match in chunk.matches], on_final)

    async def _refuse(self, delivery: Delivery, rejection: Rejection) -> None:
        if not await self.refusals.settle(delivery, rejection):
            self.ledger.leave(delivery)
        self.ledger.event_final(delivery, Outcome.REJECTED)
