"""Keeps messages in work hidden from other consumers; the table of what sqs.py has handed out and not settled yet.

SQS shows a message again when its visibility timeout ends, so at half of it every message still in work is hidden
anew, for up to the twelve hours that SQS allows from the receive on:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import anyio

from daemon.errors import EffectError, FailureKind, RetryableError
from daemon.retry import RetryPolicy, retrying
from daemon.sources.base import SourceContext
from daemon.sources.sqs.queue_calls import BATCH_ENTRIES, Message, QueueCalls
from daemon.telemetry.conditions import MessageRepeated, QueueCallFailed, VisibilityExpired, VisibilityExtended

_MOST_HIDDEN_SECONDS = 12 * 3600
_BEATS = 10
"""Looks at the table so many times in one visibility timeout, and waits for an answer as long as for the next look: so
an extension that is due at half of it and meets nothing but silence is tried twice, one that is refused four times."""
_LONGEST_PAUSE_SECONDS = 5.0
"""The queue's owner may shorten the timeout at any time."""
_CONCURRENT_CALLS = 8
_MOST_RELEASED_SECONDS = 60
"""Until a message is shown that was received again and again: nothing else slows one down that nobody can read."""
_RELEASE = RetryPolicy(base_seconds=0.1, cap_seconds=1.0, max_attempts=3)


@dataclass(slots=True, eq=False)
class InWork:
    """A message in our hands.  Times are of the monotonic clock."""

    identity: str
    handle: str
    """The newest one: every receive makes another, and only the last is sure to be honoured."""
    received_at: float
    hidden_until: float
    attempt: int
    """How often SQS has handed it out."""
    expired: bool = False
    """Others see it again; it comes back with a new handle."""
    settling: bool = False
    """A delete or release is under way: what a heartbeat hears about it now means nothing."""


class Visibility:
    """The messages in work of one queue and their heartbeat."""

    def __init__(self, source: str, calls: QueueCalls, context: SourceContext) -> None:
        self.seconds = 30
        """The visibility timeout; sqs.py sets it from the configuration or the queue."""
        self._source = source
        self._calls = calls
        self._telemetry = context.telemetry
        self._clock = context.clock
        self._rng = context.rng
        self._in_work: dict[str, InWork] = {}

    def admit(self, messages: Sequence[Message]) -> list[InWork | None]:
        """Take received messages into the table.

        None for one that is there already (SQS may deliver twice, and does after an expiry): the work under way goes
        on, now with the new handle.
        """
        now = self._clock.monotonic()
        return [self._admit(message, now) for message in messages]

    def _admit(self, message: Message, now: float) -> InWork | None:
        identity = f"sqs:{message.message_id}"
        known = self._in_work.get(identity)
        if known is None:
            work = InWork(identity, message.handle, now, now + self.seconds, message.attempt)
            self._in_work[identity] = work
            return work
        known.handle = message.handle
        known.attempt = message.attempt
        known.received_at = now
        known.hidden_until = now + self.seconds
        known.expired = False
        self._telemetry.emit(MessageRepeated(self._source, identity))
        return None

    def forget(self, work: InWork) -> None:
        """Take a message out of the table: it is deleted, released or given up."""
        self._in_work.pop(work.identity, None)

    async def keep(self) -> None:
        """Beat for ever."""
        while True:
            await self._clock.sleep(min(self.seconds / _BEATS, _LONGEST_PAUSE_SECONDS))
            await self.beat()

    async def beat(self) -> None:
        """Hide anew what is past half of its time, and give up what is past all of it."""
        now = self._clock.monotonic()
        due = []
        for work in self._in_work.values():
            if work.expired or work.settling:
                continue
            if work.hidden_until <= now:
                self._expire(work)
            elif work.hidden_until - now <= self.seconds / 2:
                due.append(work)
        limiter = anyio.CapacityLimiter(_CONCURRENT_CALLS)
        async with anyio.create_task_group() as tasks:
            for batch in batches(due):
                tasks.start_soon(self._extend, batch, limiter)

    async def _extend(self, due: Sequence[InWork], limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            asked_at = self._clock.monotonic()
            batch = [(work, work.handle, seconds) for work in due if (seconds := self._extension(work, asked_at)) > 0]
            if not batch:
                return
            try:
                refused = await self._hide_in_time(batch)
            except EffectError as error:
                self._fail(error, len(batch), retry_in_seconds=self.seconds / _BEATS)
                return
        extended = 0
        for place, (work, handle, seconds) in enumerate(batch):
            refusal = refused.get(place)
            if work.settling or work.handle != handle:
                continue
            if refusal is None:
                work.hidden_until = asked_at + seconds
                extended += 1
            elif isinstance(refusal, RetryableError):
                self._fail(refusal, 1, retry_in_seconds=self.seconds / _BEATS)
            else:
                self._expire(work)
        if extended:
            self._telemetry.emit(VisibilityExtended(self._source, extended))

    def _extension(self, work: InWork, now: float) -> int:
        """Return for how many seconds from now the message may be hidden; 0 where that gains no time any more."""
        seconds = min(self.seconds, int(work.received_at + _MOST_HIDDEN_SECONDS - now))
        return seconds if now + seconds >= work.hidden_until + min(1.0, self.seconds / 4) else 0

    async def _hide_in_time(self, batch: Sequence[tuple[InWork, str, int]]) -> dict[int, EffectError]:
        """Give up on an answer early enough to ask again before the messages are shown."""
        try:
            with anyio.fail_after(self.seconds / _BEATS):
                return await self._calls.hide([(handle, seconds) for _, handle, seconds in batch])
        except TimeoutError as error:
            raise RetryableError(FailureKind.TIMEOUT, "ChangeMessageVisibilityBatch: no answer in time") from error

    async def release(self, released: Sequence[InWork]) -> None:
        """Show messages to other consumers: at once, those that have come before after a while that doubles each time.

        Where that fails, they come back when their timeout ends.
        """
        for work in released:
            # First of all: what comes again while the answer is still on its way is new work.
            self.forget(work)
            work.settling = True
        limiter = anyio.CapacityLimiter(_CONCURRENT_CALLS)
        async with anyio.create_task_group() as tasks:
            for batch in batches([work for work in released if not work.expired]):
                tasks.start_soon(self._show, batch, limiter)

    async def _show(self, batch: Sequence[InWork], limiter: anyio.CapacityLimiter) -> None:
        shown = [(work.handle, _released_after(work.attempt)) for work in batch]
        async with limiter:
            try:
                refused = await retrying(lambda: self._calls.hide(shown), _RELEASE, self._clock, self._rng)
            except EffectError as error:
                self._fail(error, len(batch), retry_in_seconds=None)
                return
        for refusal in refused.values():
            self._fail(refusal, 1, retry_in_seconds=None)

    def _expire(self, work: InWork) -> None:
        work.expired = True
        self._telemetry.emit(VisibilityExpired(self._source, work.identity))

    def _fail(self, error: EffectError, messages: int, retry_in_seconds: float | None) -> None:
        self._telemetry.emit(QueueCallFailed(self._source, error.kind, error.detail, messages, retry_in_seconds))


def _released_after(attempt: int) -> int:
    """Return the seconds until a message is shown again that SQS has handed out so often."""
    return 0 if attempt < 2 else min(1 << min(attempt - 2, 10), _MOST_RELEASED_SECONDS)


def batches(works: Sequence[InWork]) -> Iterator[Sequence[InWork]]:
    """Cut into what one batch call takes."""
    for start in range(0, len(works), BATCH_ENTRIES):
        yield works[start : start + BATCH_ENTRIES]
