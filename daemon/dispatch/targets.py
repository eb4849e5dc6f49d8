"""A target: a sink with its limits, its retry policy and its dead-letter place.  dispatcher.py delivers intents to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import msgspec

from daemon.dispatch.context import DispatchContext
from daemon.dispatch.dead_letters import DeadLetter, DeadLetters
from daemon.dispatch.notices import build_notice
from daemon.dispatch.plan import Intent
from daemon.errors import EffectError, FailureKind, PermanentError, VigildError
from daemon.retry import Attempts, retrying
from daemon.sinks.base import Notice, Sink, SinkConfig
from daemon.telemetry.names import IntentOutcome
from daemon.telemetry.signals import AttemptFailed


class ClaimLost(Exception):  # noqa: N818 - not an error: someone else is at it
    """Raised by deliver when the claim was taken over while we were away, before anything was sent."""


class Target:
    """Delivers intents to one sink, at most `max_concurrency` at a time."""

    def __init__(self, sink: Sink, config: SinkConfig, dead_letters: DeadLetters, context: DispatchContext) -> None:
        self.sink = sink
        self._policy = config.retry.policy()
        self._dead_letters = dead_letters
        self._context = context
        self._limiter = anyio.CapacityLimiter(config.max_concurrency)
        self._opening = anyio.Lock()
        self._open = False

    async def deliver(self, intent: Intent, still_held: Callable[[], Awaitable[bool]]) -> tuple[IntentOutcome, int]:
        """Send with retry until taken (DONE) or failed for good and parked (PARKED); with the number of attempts.

        still_held is asked before every attempt; raises ClaimLost when it says no.
        """
        attempts = Attempts()
        async with self._limiter:
            try:
                notice = build_notice(intent, self._context.clock.now())

                async def attempt() -> None:
                    if not await still_held():
                        raise ClaimLost
                    await self._send(notice)

                await retrying(
                    attempt,
                    self._policy,
                    self._context.clock,
                    self._context.rng,
                    attempts=attempts,
                    on_failure=lambda error, count, wait: self._failed(intent, error, count, wait),
                )
            except EffectError as error:
                self._failed(intent, error, attempts.made, None)
                await self._park(intent, error, attempts.made)
                return IntentOutcome.PARKED, attempts.made
        return IntentOutcome.DONE, attempts.made

    async def _send(self, notice: Notice) -> None:
        """The stage boundary: a fault of our own in a sink is a failed intent, never a lost one or a dead daemon."""
        try:
            await self._ensure_open()
            await self.sink.send(notice)
        except VigildError:
            raise
        except Exception as error:
            raise PermanentError(FailureKind.BUG, f"{type(error).__name__} in sink") from error

    async def _ensure_open(self) -> None:
        async with self._opening:
            if not self._open:
                await self.sink.open()
                self._open = True

    async def close(self) -> None:
        """Let go of the sink."""
        await self.sink.close()

    def _failed(self, intent: Intent, error: EffectError, attempt: int, wait: float | None) -> None:
        self._context.telemetry.emit(AttemptFailed(self.sink.name, intent.id, error.kind, error.detail, attempt, wait))

    async def _park(self, intent: Intent, error: EffectError, attempts: int) -> None:
        letter = DeadLetter(
            id=intent.id,
            parked_at=self._context.clock.now(),
            origin="target",
            name=self.sink.name,
            reason=error.kind,
            detail=error.detail,
            attempts=attempts,
            rule=intent.rule.name,
            event=msgspec.Raw(intent.event.body),
        )
        await self._dead_letters.park(letter)
