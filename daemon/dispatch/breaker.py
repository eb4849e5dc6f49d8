"""The circuit breaker of a target: stops calling what fails again and again, tries with single calls if it works.

executor.py waits here before each attempt and says how it went.

    closed ──(failures in a row)──▶ open ──(a wait, longer each time)──▶ half-open: one call ──▶ closed, or open again

One poisonous event must not silence a target: where the failures are all of one intent, the first other intent may try
at once, and any success closes the breaker.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import anyio

from daemon.clock import Clock
from daemon.errors import EffectError, FailureKind, PermanentError
from daemon.target_config import BreakerConfig, WhenOpen

_SAYS_NOTHING = frozenset({FailureKind.BUG, FailureKind.STATE})
"""Failures on our side of the call."""
_ANSWERED = frozenset({FailureKind.REFUSED})
"""Whoever refuses one request is there, and may take the next."""


class SuspendedError(PermanentError):
    """Raised instead of waiting: the failure that keeps the breaker open is how an intent ends that was not called."""


class Breaker:
    """One for each target.  `on_change` is called when it opens, stays open after a try, and closes (None)."""

    def __init__(
        self,
        config: BreakerConfig,
        clock: Clock,
        rng: random.Random,
        on_change: Callable[[EffectError | None], None],
    ) -> None:
        self.cause: EffectError | None = None
        """The failure that keeps it open; None while it is closed."""
        self.expected = 0
        """Intents under way to the target, those that wait to be tried again among them."""
        self._config = config
        self._clock = clock
        self._rng = rng
        self._on_change = on_change
        self._failures = 0
        self._failed: set[str] = set()
        """Intents among the failures in a row; two are as many as need to be known."""
        self._tries = 0
        self._trying: str | None = None
        self._last_tried: str | None = None
        self._interval = 0.0
        self._try_at = 0.0
        self._changed = anyio.Event()

    @property
    def stands(self) -> bool:
        """Whether the target counts as failing: it is open, and its next try not due or waited for.

        An open breaker whose try is due and that nobody wants anything of says nothing: the next intent will be it.
        """
        return self.cause is not None and (self.expected > 0 or self._clock.monotonic() < self._try_at)

    async def wait(self, intent: str, until: float | None) -> None:
        """Return when the intent's call may be made, or might: `take` decides.

        Raises SuspendedError when that does not come before `until` (of the monotonic clock), or at once where the
        configuration says that nothing waits.
        """
        while (pause := self._pause(intent)) > 0:
            if self.cause is not None and self._config.when_open is WhenOpen.PARK:
                raise SuspendedError(self.cause.kind, self.cause.detail)
            if until is not None:
                left = until - self._clock.monotonic()
                if left <= 0 and self.cause is not None:
                    raise SuspendedError(self.cause.kind, self.cause.detail)
                pause = min(pause, left)
            with anyio.move_on_after(pause):
                await self._changed.wait()

    def take(self, intent: str) -> bool:
        """Return whether the call may be made now; if so, `succeeded`, `failed` or `abandoned` must follow."""
        if self.cause is None:
            return True
        if self._pause(intent) > 0:
            return False
        self._trying = intent
        return True

    def succeeded(self, intent: str) -> None:
        """The target took it."""
        self._end_try(intent)
        self._failures = 0
        self._failed.clear()
        if self.cause is not None:
            self.cause = None
            self._tries = 0
            self._last_tried = None
            self._on_change(None)
            self._wake()

    def failed(self, intent: str, error: EffectError) -> None:
        """The call failed in this way."""
        if error.kind in _ANSWERED:
            self.succeeded(intent)
            return
        tried = self._trying == intent
        self._end_try(intent)
        if error.kind in _SAYS_NOTHING:
            return
        self._failures += 1
        if len(self._failed) < 2:
            self._failed.add(intent)
        if tried or (self.cause is None and self._failures >= self._config.failures):
            self._open(error)

    def abandoned(self, intent: str) -> None:
        """The call was not made, or not waited for."""
        self._end_try(intent)

    def _open(self, error: EffectError) -> None:
        ceiling = min(self._config.cap_seconds, self._config.base_seconds * 2.0 ** min(self._tries, 62))
        self._tries += 1
        # Half of it is jitter, so that replicas do not all try at the same time.
        self._interval = max(self._rng.uniform(ceiling / 2, ceiling), getattr(error, "delay", None) or 0.0)
        self._try_at = self._clock.monotonic() + self._interval
        self.cause = error
        self._on_change(error)
        self._wake()

    def _pause(self, intent: str) -> float:
        """Return for how long the intent has to wait before it looks again; 0 when it may try now."""
        if self.cause is None:
            return 0.0
        if self._trying is not None:
            return self._config.cap_seconds
        if len(self._failed) == 1 and intent not in self._failed:
            return 0.0
        # Whoever tried last lets others go first.
        turn = self._interval * 0.1 if intent == self._last_tried else 0.0
        return max(self._try_at + turn - self._clock.monotonic(), 0.0)

    def _end_try(self, intent: str) -> None:
        if self._trying == intent:
            self._trying, self._last_tried = None, intent
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
