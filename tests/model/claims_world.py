"""A world of processes that share one intent's claim: the real Claims and Session over the model's store.

A worker does what dispatch/dispatcher.py does with one intent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from daemon.dedupe.claims import Claims, ClaimState, Final, Held
from daemon.dedupe.session import Session
from daemon.errors import StateError
from tests.model.explorer import Request, Task, Violation
from tests.model.processes_world import LONGEST_WAIT, SILENT_TELEMETRY, Mishaps, ProcessesWorld, remembered
from tests.model.store import ModelClock, ModelStore

T = TypeVar("T")

TTL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Bounds(Mishaps):
    """How much may go wrong, and in which surroundings."""

    workers: tuple[int, ...] = (1, 1)
    """Tasks that have the event in hand, in each process: it was delivered more than once."""
    wrong_clocks: tuple[float, ...] = (0.0, 0.0)


@dataclass(slots=True)
class Window:
    """From a worker's last look at its claim to the end of its confirmation."""

    process: str
    is_excused: bool = False
    """The process died in it or was away for longer than its lease: then the intent may be done once more.

    Not so where the store was away, for all alike: then everybody's lease lapses, and nobody is dead.
    """
    has_sent: bool = False


class ClaimsWorld(ProcessesWorld):
    """See World in explorer.py."""

    unseen = frozenset({"looked", "confirmed", "acknowledge"})

    def __init__(self, bounds: Bounds, claims: type[Claims] = Claims, session: type[Session] = Session) -> None:
        super().__init__(len(bounds.workers), bounds)
        self._windows: list[Window] = []
        self._open: dict[Task, Window] = {}
        self._sessions: dict[str, Session] = {}
        self._claims: list[Claims] = []
        for process, workers, wrong_by in zip(self.processes, bounds.workers, bounds.wrong_clocks, strict=True):
            clock = ModelClock(self.shelf, wrong_by)
            store = ModelStore(self.shelf, clock)
            lease = session(store, clock, SILENT_TELEMETRY, TTL_SECONDS)
            lease.id = process.name
            self._sessions[process.name] = lease
            # The process is up and has its lease before it receives anything.
            self.step(Task(process, lease.renew()))
            process.tasks.clear()
            self.step(Task(process, lease.keep(LONGEST_WAIT), endless=True))
            self._claims.append(claims(store, lease, clock, 10_000.0))
            for _ in range(workers):
                Task(process, _work(self._claims[-1], clock))

    def carry_out(self, task: Task, request: Request) -> None:
        """See ProcessesWorld."""
        if request.kind == "looked":
            window = Window(task.process.name)
            self._windows.append(window)
            self._open[task] = window
        elif request.kind == "send":
            self._send(task)
        elif request.kind == "confirmed":
            del self._open[task]
        elif request.kind == "acknowledge" and not any(window.has_sent for window in self._windows):
            raise Violation("acknowledged and never done")

    def time_went_by(self) -> None:
        """See ProcessesWorld."""
        for window in self._open.values():
            if not self._sessions[window.process].fresh:
                window.is_excused = True

    def died(self, task: Task) -> None:
        """See ProcessesWorld."""
        if task in self._open:
            self._open.pop(task).is_excused = True

    def memory(self) -> Hashable:
        """See ProcessesWorld."""
        windows = tuple(sorted((window.process, window.is_excused, window.has_sent) for window in self._windows))
        return windows, tuple(remembered(part) for part in (*self._sessions.values(), *self._claims))

    def _send(self, task: Task) -> None:
        self._open[task].has_sent = True
        sent = [window for window in self._windows if window.has_sent]
        if len(sent) > 1 + sum(window.is_excused for window in sent):
            raise Violation("done twice, and nobody was away")


async def _work(claims: Claims, clock: ModelClock) -> None:
    """What the dispatcher does with one intent."""
    while True:
        (answer,) = await _until_answered(partial(claims.claim, ["intent"]), clock)
        if isinstance(answer, Final):
            break
        if isinstance(answer, Held):
            # Claimed in a batch: its turn comes later, for a limiter or a target that has to be tried again.
            await Request("wait")
            kept = await _until_answered(partial(claims.affirm, answer), clock)
            if kept is not None:
                await Request("looked")
                await Request("send")
                await _until_answered(partial(claims.confirm, kept, ClaimState.DONE), clock)
                await Request("confirmed")
                break
        await clock.sleep(2.0)
    await Request("acknowledge")


async def _until_answered(call: Callable[[], Awaitable[T]], clock: ModelClock) -> T:
    while True:
        try:
            return await call()
        except StateError:
            await clock.sleep(1.0)
