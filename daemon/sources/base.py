"""What pipeline.py expects of a source.  One file a source: its Config and its class; the table is in __init__.py."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from pydantic import Field

from daemon.clients import AwsClients
from daemon.clock import Clock
from daemon.event import Delivery
from daemon.grants import Grant, Place
from daemon.state.base import StateStore
from daemon.telemetry import Telemetry
from daemon.telemetry.names import Settlement
from daemon.yaml_file import Strict

REDRIVE = "redrive"
"""In place of a dead-letter place's name: leave what is rejected to the queue's own redrive policy."""


class EndOfSource(Exception):  # noqa: N818 - an end is no error
    """Raised by receive when a finite source has handed out everything; every receiver of the source gets it."""


class SourceConfig(Strict):
    """What every source's configuration has."""

    type: str
    dead_letter: str = "default"
    """The place for what cannot be read, one of `dead_letters`; "redrive" leaves it to the queue's own policy."""
    receivers: int = Field(default=1, ge=1, le=64)
    """How many receive calls run at the same time."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """Return what it needs from IAM: nothing, unless it calls AWS."""
        del place
        return ()


class Progress(msgspec.Struct, frozen=True):
    """How far a finite source is, in bytes as they lie on disk."""

    done: int
    total: int
    skipped: int = 0
    """Files that an earlier run had settled in full."""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source is given beside its name and configuration."""

    telemetry: Telemetry
    clock: Clock
    rng: random.Random
    aws: AwsClients
    state: StateStore
    """For positions, under the prefix `position/<source name>/`."""


class Source(Protocol):
    """Life: open; then run, receive and settle concurrently; at the end quiesce, flush, close.

    The pipeline calls `receive` only while there is room in the memory limits; that is all the backpressure there is.
    """

    name: str
    receivers: int
    redelivers: bool
    """Whether RELEASED deliveries come again while the daemon runs, counted by `attempt`."""

    async def open(self) -> None:
        """Get ready to receive.

        Raises RetryableError while what it reads cannot be reached (the pipeline repeats the call), PermanentError
        when that cannot change by itself (the daemon starts without this source and is not ready).
        """

    async def run(self) -> None:
        """Do what goes on beside receive and settle: heartbeats, batched acknowledgements, saving positions.

        Started once open has returned, cancelled after flush and before close; the other calls lean on it.  Does not
        raise for anything outside the process; may return early when there is nothing to do.
        """

    async def receive(self) -> Sequence[Delivery]:
        """Wait for deliveries; an empty sequence is a normal answer (a long poll that ended).

        Concurrent calls: as many as `receivers`.  After `quiesce` a call under way still returns what it gets, the
        next one raises EndOfSource.  Cancelled when the stop cannot wait for it any longer: what the other side has
        already handed out must then come back by itself (visibility timeout, position not advanced).
        Raises RetryableError or PermanentError (both are repeated with back-off and make the source not ready), and
        EndOfSource.
        """

    async def settle(self, deliveries: Sequence[Delivery], settlement: Settlement) -> None:
        """Tell what became of deliveries of this source: ACKNOWLEDGED never come again, RELEASED come again at once.

        Called once for each delivery.  May hold acknowledgements back briefly to batch them; must not raise for a
        failed call but repeat it (an acknowledgement that never gets through means a redelivery, which dedupe
        recognises).
        """

    def quiesce(self) -> None:
        """Ask for nothing new any more: the first step of a stop, so that no answer is thrown away half-way."""

    async def flush(self) -> None:
        """Send what settle holds back; called after the last settle, within the stop's deadline."""

    async def check(self) -> str:
        """Reach what it reads without consuming anything, for `vigild check`; return a line that says what is there.

        Raises EffectError when that fails.
        """

    def progress(self) -> Progress | None:
        """Return how far a finite source is; None for one without end."""

    async def close(self) -> None:
        """Let go of everything; receive and settle are not called any more."""
