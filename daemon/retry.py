"""The one place that repeats a call.  dispatch/ and sources/ say what to call, errors say whether to repeat it.

Back-off is "full jitter": a wait drawn evenly from 0 to min(cap, base * 2^n), which spreads a herd of callers best
(Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from daemon.clock import Clock
from daemon.errors import RetryableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often; times in seconds.  None = without limit."""

    base_seconds: float = 0.5
    cap_seconds: float = 60.0
    max_age_seconds: float | None = 86_400.0
    max_attempts: int | None = 185

    def delay(self, attempt: int, asked: float | None, rng: random.Random) -> float:
        """Return the wait after failed attempt number `attempt` (from 1), never shorter than `asked`."""
        ceiling = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt - 1, 62))
        return max(rng.uniform(0.0, ceiling), asked or 0.0)


@dataclass(slots=True)
class Attempts:
    """Counts the attempts of one call, for dead letters and metrics."""

    made: int = 0
    last_error: RetryableError | None = field(default=None)


async def retrying(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    clock: Clock,
    rng: random.Random,
    *,
    attempts: Attempts | None = None,
    on_failure: Callable[[RetryableError, int, float], None] | None = None,
) -> T:
    """Call until it returns, fails for good, or the policy's age or attempts are used up; then raise the last error.

    `on_failure(error, attempt, wait_seconds)` runs before each wait.  An `asked` delay that reaches past the maximal
    age ends the attempts at once: waiting for it could only end in the same error.
    """
    attempts = attempts if attempts is not None else Attempts()
    started = clock.monotonic()
    while True:
        attempts.made += 1
        try:
            return await call()
        except RetryableError as error:
            attempts.last_error = error
            wait = policy.delay(attempts.made, error.delay, rng)
            spent = clock.monotonic() - started
            if policy.max_attempts is not None and attempts.made >= policy.max_attempts:
                raise
            if policy.max_age_seconds is not None and spent + wait > policy.max_age_seconds:
                raise
            if on_failure is not None:
                on_failure(error, attempts.made, wait)
        await clock.sleep(wait)
