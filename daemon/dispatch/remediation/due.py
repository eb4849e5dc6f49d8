"""Brings to its end what falls due by itself: each item by one of all replicas, tried again after failures that may
pass until the action's own limits, and never in the way of the others.

answered.py, expired.py and undone.py say what is due, what doing it is and what giving it up is; app.py runs them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import anyio
import msgspec
from anyio.abc import TaskGroup

from daemon.dedupe.claims import Claims, Held
from daemon.dispatch.policy import FailureSettings, FailureTable
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.record import Record
from daemon.dispatch.remediation.result import Result
from daemon.dispatch.remediation.telling import asker_of, tell
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError, StateError
from daemon.retry import RetryPolicy
from daemon.telemetry.conditions import StateFailed
from daemon.telemetry.signals import AttemptFailed

_MOST_AT_ONCE = 16
_MOST_TOLD_AT_ONCE = 1_000
"""Those beside them that only wait for a target: it may be down for a day, and must hold up nothing else."""


class Trial(msgspec.Struct):
    """An item that this process is at, from its claim to its end."""

    claim: Held
    began: float
    """Of our monotonic clock, as is `next_at`: a restart begins anew."""
    attempts: int = 0
    next_at: float = 0.0
    over: bool = False
    """Whether it has come to its end, and only has to be taken off what is due."""


class DueWork(ABC):
    """Base of the three.  Verbs raise EffectError; anything else that they raise is a fault of our own."""

    name: ClassVar[str]
    """Of the claims."""
    poll_seconds: ClassVar[float]
    table: ClassVar[FailureTable]

    def __init__(
        self, kernels: Mapping[str, Kernel], claims: Claims, context: RemediationContext, failures: FailureSettings
    ) -> None:
        self.kernels = kernels
        self.context = context
        self.claims = claims
        self._failures = failures
        self._trials: dict[str, Trial] = {}
        self._busy: set[str] = set()
        self._telling: set[str] = set()
        """Those of the busy that are done but for being told of."""

    @abstractmethod
    async def due(self) -> Sequence[str]:
        """Return the intents that something is to be done about now."""

    @abstractmethod
    async def carry_out(self, intent: str) -> None:
        """Do it, or go on where the last attempt stopped."""

    @abstractmethod
    async def give_up(self, intent: str, error: EffectError) -> None:
        """Record and tell that it will not be done.  Raises StateError only: then it is asked for again."""

    @abstractmethod
    async def forget(self, intent: str) -> None:
        """Take it off what is due."""

    async def tell(self, record: Record, result: Result) -> None:
        """Journal a result and announce it to whom the action tells."""
        kernel = self.kernels.get(record.action)
        self._telling.add(record.intent)
        try:
            await tell(self.context, asker_of(record), result, kernel.action.config.notify if kernel else ())
        finally:
            self._telling.discard(record.intent)

    def attempts(self, intent: str) -> int:
        """Return how often this process has attempted what it is at."""
        return self._trials[intent].attempts

    async def run(self) -> None:
        """Run until cancelled."""
        async with anyio.create_task_group() as group:
            while True:
                await self._start(group)
                await self.context.clock.sleep(self.poll_seconds)

    async def once(self) -> None:
        """Attempt once all that is due now and does not wait after a failure."""
        async with anyio.create_task_group() as group:
            await self._start(group)

    async def _start(self, group: TaskGroup) -> None:
        """Begin what is due, so far as there is room: what takes long holds up nobody."""
        try:
            due = await self.due()
            await self._let_go(due)
        except StateError as error:
            self._state_failed(error)
            return
        now = self.context.clock.monotonic()
        ready = [
            intent
            for intent in due
            if intent not in self._busy and (intent not in self._trials or self._trials[intent].next_at <= now)
        ]
        acting, telling = len(self._busy - self._telling), len(self._telling)
        for intent in ready[: max(min(_MOST_AT_ONCE - acting, _MOST_TOLD_AT_ONCE - telling), 0)]:
            self._busy.add(intent)
            group.start_soon(self._attempt, intent)

    async def _let_go(self, due: Sequence[str]) -> None:
        """Give up what waited for another attempt and is no longer due: done by others, or the clock was put back."""
        waiting = self._trials.keys() - self._busy
        over = [intent for intent in waiting if intent not in due]
        await self.claims.release([self._trials[intent].claim for intent in over])
        for intent in over:
            del self._trials[intent]

    async def _attempt(self, intent: str) -> None:
        """The stage boundary around the action's own: whatever goes wrong leaves one item due, and the loop alive."""
        try:
            trial = await self._hold(intent)
            if trial is not None:
                await self._bring_on(intent, trial)
        except StateError as error:
            self._state_failed(error)
        except EffectError as error:
            self._failed_around(intent, error.kind, error.detail)
        except Exception as error:  # noqa: BLE001 - see above
            self._failed_around(intent, FailureKind.BUG, f"{type(error).__name__} around {self.name}")
        finally:
            self._busy.discard(intent)

    async def _hold(self, intent: str) -> Trial | None:
        """Return the trial under way, or begin one; None where another process is at it, or has been."""
        trial = self._trials.get(intent)
        if trial is not None:
            claim = await self.claims.affirm(trial.claim)
            if claim is None:
                del self._trials[intent]
                return None
            trial.claim = claim
            return trial
        (answer,) = await self.claims.claim([f"{self.name}:{intent}"])
        if not isinstance(answer, Held):
            return None
        self._trials[intent] = trial = Trial(answer, self.context.clock.monotonic())
        return trial

    async def _bring_on(self, intent: str, trial: Trial) -> None:
        """Carry it out or give it up, then take it off; released, not confirmed: it may fall due anew."""
        if not trial.over:
            trial.attempts += 1
            trial.over = await self._end(intent, trial)
        if trial.over:
            await self.forget(intent)
            await self.claims.release([trial.claim])
            del self._trials[intent]

    async def _end(self, intent: str, trial: Trial) -> bool:
        """The stage boundary: a fault of an action ends its own item, and neither the others nor the daemon.

        False where it is worth another attempt.
        """
        try:
            await self.carry_out(intent)
        except StateError:
            raise
        except EffectError as error:
            if await self._try_again(intent, trial, error):
                return False
            await self.give_up(intent, error)
        except Exception as error:  # noqa: BLE001 - see above
            await self.give_up(intent, PermanentError(FailureKind.BUG, f"{type(error).__name__} in {self.name}"))
        return True

    async def _try_again(self, intent: str, trial: Trial, error: EffectError) -> bool:
        """Note the failure; return whether it is worth another attempt, and by when."""
        name, policy = await self._policy(intent)
        now = self.context.clock.monotonic()
        delay = error.delay if isinstance(error, RetryableError) else None
        wait = policy.delay(trial.attempts, delay, self.context.rng)
        again = (
            self._failures.worth_repeating(self.table, error, trial.attempts, now - trial.began)
            and (policy.max_attempts is None or trial.attempts < policy.max_attempts)
            and (policy.max_age_seconds is None or now - trial.began + wait <= policy.max_age_seconds)
        )
        trial.next_at = now + wait
        told = wait if again else None
        self.context.telemetry.emit(AttemptFailed(name, intent, error.kind, error.detail, trial.attempts, told))
        return again

    async def _policy(self, intent: str) -> tuple[str, RetryPolicy]:
        """Return the name of the intent's action, and how long that is tried."""
        try:
            saved = await self.context.records.find(intent)
        except PermanentError:
            saved = None
        kernel = self.kernels.get(saved.record.action) if saved is not None else None
        if kernel is None:
            return self.name, RetryPolicy()
        return kernel.name, kernel.action.config.retry.policy()

    def _failed_around(self, intent: str, kind: FailureKind, detail: str) -> None:
        self.context.telemetry.emit(AttemptFailed(self.name, intent, kind, detail, 0, self.poll_seconds))

    def _state_failed(self, error: StateError) -> None:
        self.context.telemetry.emit(StateFailed(error.detail, self.poll_seconds))
