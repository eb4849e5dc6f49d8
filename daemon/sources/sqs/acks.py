"""Deletes finished messages, ten at a call: sqs.py adds them, they leave when ten are there or a moment has passed.

A delete that fails is repeated for as long as the message stays hidden; visibility.py keeps it so meanwhile.  One that
never gets through costs a redelivery, which dedupe recognises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial

import anyio

from daemon.errors import EffectError, FailureKind, RetryableError
from daemon.retry import RetryPolicy, retrying
from daemon.sources.base import SourceContext
from daemon.sources.sqs.queue_calls import BATCH_ENTRIES, QueueCalls
from daemon.sources.sqs.visibility import InWork, Visibility
from daemon.telemetry.conditions import AcknowledgementsLost, QueueCallFailed

_LINGER_SECONDS = 0.02
_MOST_HELD_BACK = 1_000
"""More finished messages than this make settle wait, so that an SQS that takes no deletes stops the intake."""
_POLICY = RetryPolicy(base_seconds=0.2, cap_seconds=10.0, max_age_seconds=None, max_attempts=None)
"""Without an end of its own: attempts end when the last message of the batch has expired."""


class Acknowledger:
    """The outbox of deletes of one queue."""

    def __init__(self, source: str, calls: QueueCalls, visibility: Visibility, context: SourceContext) -> None:
        self._source = source
        self._calls = calls
        self._visibility = visibility
        self._telemetry = context.telemetry
        self._clock = context.clock
        self._rng = context.rng
        self._held_back: deque[InWork] = deque()
        self._filled = anyio.Event()
        self._taken = anyio.Event()
        self._collecting = anyio.Lock(fast_acquire=True)
        self._open = 0
        self._emptied = anyio.Event()

    async def add(self, works: Sequence[InWork]) -> None:
        """Have finished messages deleted soon; waits while too many are held back."""
        while len(self._held_back) >= _MOST_HELD_BACK:
            await self._taken.wait()
        self._open += len(works)
        self._held_back.extend(works)
        self._filled.set()

    async def keep_sending(self) -> None:
        """Send batches for ever; as many of these run as deletes should be under way at the same time."""
        while True:
            batch = await self._collect()
            await self._delete(batch)
            self._open -= len(batch)
            if self._open == 0:
                self._emptied.set()
                self._emptied = anyio.Event()

    async def flush(self) -> None:
        """Wait until every message added so far is deleted or given up."""
        if self._open > 0:
            await self._emptied.wait()

    async def _collect(self) -> list[InWork]:
        """Only one sender collects at a time, so that few messages make one batch and not one for each sender."""
        async with self._collecting:
            while not self._held_back:
                self._filled = anyio.Event()
                await self._filled.wait()
            if len(self._held_back) < BATCH_ENTRIES:
                await self._clock.sleep(_LINGER_SECONDS)
            batch = [self._held_back.popleft() for _ in range(min(BATCH_ENTRIES, len(self._held_back)))]
            self._taken.set()
            self._taken = anyio.Event()
            return batch

    async def _delete(self, batch: list[InWork]) -> None:
        remaining = list(batch)
        try:
            await retrying(
                partial(self._attempt, remaining),
                _POLICY,
                self._clock,
                self._rng,
                on_failure=lambda error, _, wait: self._telemetry.emit(
                    QueueCallFailed(self._source, error.kind, error.detail, len(remaining), wait)
                ),
            )
        except EffectError as error:
            self._lose(error, len(remaining))
        for work in batch:
            self._visibility.forget(work)

    async def _attempt(self, remaining: list[InWork]) -> None:
        """Delete what remains and keep in `remaining` what is worth another try; raise if that is anything."""
        # A handle known to be stale may meanwhile stand for somebody else's work: the redelivery settles it.
        remaining[:] = [work for work in remaining if not work.expired]
        if not remaining:
            return
        handles = [work.handle for work in remaining]
        for work in remaining:
            work.settling = True
        try:
            refused = await self._calls.delete(handles)
        finally:
            for work in remaining:
                work.settling = False
        again: list[InWork] = []
        why = RetryableError(FailureKind.REFUSED, "received again while being deleted")
        for place, work in enumerate(remaining):
            refusal = refused.get(place)
            if isinstance(refusal, RetryableError):
                why = refusal
                again.append(work)
            elif work.handle != handles[place]:
                again.append(work)
            elif refusal is not None:
                self._lose(refusal, 1)
        remaining[:] = again
        if again:
            raise why

    def _lose(self, error: EffectError, messages: int) -> None:
        self._telemetry.emit(AcknowledgementsLost(self._source, messages, error.kind, error.detail))
