"""Brings one intent to its end at a target: attempts as the failure policy says, behind the target's breaker; what
finally failed goes to parking.py.  Every kind of target has one executor and says only what an attempt is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

import anyio

from daemon.dispatch.breaker import Breaker, SuspendedError
from daemon.dispatch.context import DispatchContext
from daemon.dispatch.parking import Parking
from daemon.dispatch.plan import Intent
from daemon.dispatch.policy import FailureTable
from daemon.errors import ConfigError, EffectError, FailureKind, PermanentError, RetryableError
from daemon.retry import retrying
from daemon.target_config import TargetConfig
from daemon.telemetry.names import IntentOutcome
from daemon.telemetry.signals import AttemptFailed


class ClaimLost(Exception):  # noqa: N818 - not an error: someone else is at it
    """Raised when the claim was taken over while we were away, before anything was sent."""


class Ended(NamedTuple):
    """How an intent came to its end; `error` is why, where it was parked or dropped."""

    outcome: IntentOutcome
    attempts: int
    error: EffectError | None = None


Attempt = Callable[[], Awaitable[IntentOutcome]]
"""One try.  Raises EffectError; anything else that it raises counts as a fault of our own."""
Finish = Callable[[Ended], Awaitable[None]]
"""Makes the end known: confirms the claim."""


async def _told_elsewhere(_: Ended) -> None:
    pass


@dataclass(slots=True)
class _Calls:
    """How often an intent was attempted: waiting for the breaker is no attempt."""

    made: int = 0


class Executor:
    """One for each target.  At most `max_concurrency` intents are between the begin of an attempt and the confirmation
    of its success: that is all a crash can make happen twice.  Waiting takes no part of that, so that intents which
    fail cannot keep others from a target that works.
    """

    def __init__(
        self,
        name: str,
        config: TargetConfig,
        table: FailureTable,
        parking: Parking,
        context: DispatchContext,
        breaker: Breaker | None = None,
    ) -> None:
        self.name = name
        self._retry = config.retry.policy()
        self._table = table
        self._parking = parking
        self._context = context
        self._limiter = anyio.CapacityLimiter(config.max_concurrency)
        self._breaker = breaker

    async def execute(
        self,
        intent: Intent,
        still_held: Callable[[], Awaitable[bool]],
        attempt: Attempt,
        finish: Finish = _told_elsewhere,
    ) -> Ended:
        """Attempt until it succeeds or finally fails; return once `finish` has.

        still_held is asked before every attempt; raises ClaimLost when it says no.
        """
        clock, calls = self._context.clock, _Calls()
        started = clock.monotonic()
        until = None if self._retry.max_age_seconds is None else started + self._retry.max_age_seconds

        async def try_once() -> Ended:
            try:
                return await self._in_turn(intent, until, lambda: self._try(intent, still_held, attempt, finish, calls))
            except SuspendedError:
                raise
            except EffectError as error:
                raise self._judged(error, calls.made, clock.monotonic() - started) from error

        if self._breaker is not None:
            self._breaker.expected += 1
        try:
            return await retrying(
                try_once,
                self._retry,
                clock,
                self._context.rng,
                on_failure=lambda error, _, wait: self._failed(intent, error, calls.made, wait),
            )
        except EffectError as error:
            if not isinstance(error, SuspendedError):
                self._failed(intent, error, calls.made, None)
            outcome = await self._parking.give_up(intent.id, intent.rule.name, intent.event, error, calls.made)
            ended = Ended(outcome, calls.made, error)
        finally:
            if self._breaker is not None:
                self._breaker.expected -= 1
        await finish(ended)
        return ended

    async def _in_turn(self, intent: Intent, until: float | None, call: Callable[[], Awaitable[Ended]]) -> Ended:
        """Make the call when breaker and concurrency allow, and tell the breaker how it went."""
        while True:
            if self._breaker is not None:
                await self._breaker.wait(intent.id, until)
            async with self._limiter:
                if self._breaker is None:
                    return await call()
                if not self._breaker.take(intent.id):
                    continue
                try:
                    return await call()
                except EffectError as error:
                    self._breaker.failed(intent.id, error)
                    raise
                finally:
                    self._breaker.abandoned(intent.id)

    async def _try(
        self,
        intent: Intent,
        still_held: Callable[[], Awaitable[bool]],
        attempt: Attempt,
        finish: Finish,
        calls: _Calls,
    ) -> Ended:
        """The stage boundary: a fault of our own in a target is a failed intent, never a lost one or a dead daemon."""
        if not await still_held():
            raise ClaimLost
        calls.made += 1
        try:
            ended = Ended(await attempt(), calls.made)
        except (EffectError, ClaimLost):
            raise
        except ConfigError as error:
            # What only shows at the first call: no region, no such profile.
            raise PermanentError(FailureKind.CREDENTIALS, str(error)) from error
        except Exception as error:
            raise PermanentError(FailureKind.BUG, f"{type(error).__name__} in {self.name}") from error
        if self._breaker is not None:
            self._breaker.succeeded(intent.id)
        await finish(ended)
        return ended

    def _judged(self, error: EffectError, attempts: int, age: float) -> EffectError:
        """Return the error as the policy of its kind sees it: worth repeating, or final."""
        if not self._context.failures.worth_repeating(self._table, error, attempts, age):
            return PermanentError(error.kind, error.detail)
        return RetryableError(error.kind, error.detail, error.delay if isinstance(error, RetryableError) else None)

    def _failed(self, intent: Intent, error: EffectError, attempt: int, wait: float | None) -> None:
        self._context.telemetry.emit(AttemptFailed(self.name, intent.id, error.kind, error.detail, attempt, wait))
