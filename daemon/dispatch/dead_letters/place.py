"""What a dead-letter place can do: take letters from the running daemon, hand them out and lose them to a person.

executor.py and pipeline/ park through DeadLetters; `vigild dead-letters` reads and removes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from daemon.clients import AwsClients
from daemon.dispatch.context import DispatchContext
from daemon.dispatch.dead_letters.letter import DeadLetter
from daemon.errors import ConfigError, FailureKind, PermanentError, RetryableError
from daemon.retry import RetryPolicy, retrying
from daemon.state.base import StateStore
from daemon.telemetry.conditions import ParkingFailed
from daemon.telemetry.signals import LetterParked

_POLICY = RetryPolicy(base_seconds=0.5, cap_seconds=30.0, max_age_seconds=None, max_attempts=None)


@dataclass(frozen=True, slots=True)
class PlaceContext:
    """What a place is given beside its name and configuration."""

    aws: AwsClients
    store: StateStore | None
    """None where no place is of type: state."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A letter where it lies."""

    letter: DeadLetter | None
    """None where something else lies there."""
    handle: object
    """Opaque; the place that made it removes by it."""


REMOVED_AT_ONCE = 200
"""Where removing costs a call for each few: a redrive that is cut off has no more than these to recognise."""


class DeadLetterPlace(Protocol):
    """A place that keeps letters.  Every method raises RetryableError or PermanentError."""

    async def park(self, letter: DeadLetter) -> None:
        """Return once the letter is safe."""

    def letters(self) -> AsyncIterator[Kept]:
        """Yield everything that lies there, each once; what is parked meanwhile may or may not be seen."""

    async def count(self) -> int:
        """Return about how many letters() will yield."""

    async def batch(self) -> int:
        """Return how many letters are best removed at a time."""

    async def check(self) -> str:
        """Reach the place without parking anything, for `vigild check`; return a line that says what is there."""

    async def remove(self, handles: Sequence[object]) -> int:
        """Remove for good; return how many were there and are gone.  Repeating it is safe."""

    async def close(self) -> None:
        """Give back what letters() held for itself, and let go of files."""


class DeadLetters:
    """A named place that parking goes on at until it has succeeded: nothing is acknowledged before.

    `lying` holds the ids of letters that lie in a place already, because they are being redriven out of it.
    """

    def __init__(
        self, name: str, place: DeadLetterPlace, context: DispatchContext, lying: Collection[str] = frozenset()
    ) -> None:
        self.name = name
        self._lying = lying
        self.place = place
        self._context = context

    async def park(self, letter: DeadLetter) -> None:
        """Return once the letter is safe; only cancellation ends it earlier."""
        if letter.id in self._lying:
            return

        async def attempt() -> None:
            try:
                await self.place.park(letter)
            except PermanentError as error:
                raise RetryableError(error.kind, error.detail) from error
            except ConfigError as error:
                raise RetryableError(FailureKind.CREDENTIALS, str(error)) from error

        await retrying(attempt, _POLICY, self._context.clock, self._context.rng, on_failure=self._failed)
        self._context.telemetry.health.well(f"dead letters {self.name}")
        self._context.telemetry.emit(LetterParked(self.name, letter.reason))

    def _failed(self, error: RetryableError, _attempt: int, wait: float) -> None:
        self._context.telemetry.health.ill(f"dead letters {self.name}", f"{error.kind}: {error.detail}")
        self._context.telemetry.emit(ParkingFailed(self.name, error.kind, error.detail, wait))
