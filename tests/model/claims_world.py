"""A world of processes that share one intent's claim: the real Claims and Session over the model's store.

A worker does what dispatch/dispatcher.py does with one intent.  What may happen at any time: a step of any task, an
answer of the store that is lost, a crash, and time going by.  While it does, a process may be paused: then even its
lease is renewed only at some later step, before or after its workers go on.  Of processes that are not, it is renewed
at once; that their renewals could also come in between others' steps without a pause makes no difference to anybody.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog

from daemon.clock import SystemClock
from daemon.dedupe.claims import Claims, ClaimState, Final, Held
from daemon.dedupe.session import Session
from daemon.errors import StateError
from daemon.telemetry import Telemetry
from tests.model.explorer import Choice, Process, Request, Task, Violation, is_plain
from tests.model.store import ModelClock, ModelStore, Shelf

T = TypeVar("T")

TTL_SECONDS = 15.0
TICK_SECONDS = 16.0
"""Outlasts the lease of who is paused meanwhile."""
_BEATS = 2
"""In each tick, for those who are not: more often than a renewal is due."""
_MOST_STEPS_TO_THE_END = 400

_SILENT = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
_TELEMETRY = Telemetry(_SILENT, SystemClock())


class _LongestWait(random.Random):
    """No chance in the model: every back-off is as long as it may be."""

    def uniform(self, _: float, b: float) -> float:
        return b


_LONGEST = _LongestWait()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may go wrong."""

    workers: tuple[int, ...] = (1, 1)
    """Tasks that have the event in hand, in each process: it was delivered more than once."""
    ticks: int = 2
    lost_answers: int = 0
    """Of the first process's workers' calls: done, but they are told otherwise."""
    crashes: int = 0
    """The first process may die."""
    paused: int = 1
    """So many of the processes may pause."""
    wrong_clocks: tuple[float, ...] = (0.0, 0.0)


@dataclass(slots=True)
class Window:
    """From a worker's last look at its claim to the end of its confirmation."""

    process: str
    is_excused: bool = False
    """The process died in it or was away for longer than its lease: then the intent may be done once more."""
    has_sent: bool = False


class ClaimsWorld:
    """See World in explorer.py."""

    def __init__(self, bounds: Bounds, claims: type[Claims] = Claims, session: type[Session] = Session) -> None:
        self._bounds = bounds
        self._left = [bounds.ticks, bounds.lost_answers, bounds.crashes]
        self._shelf = Shelf()
        self._windows: list[Window] = []
        self._open: dict[Task, Window] = {}
        self._processes = [Process(f"p{number}") for number in range(len(bounds.workers))]
        self._sessions: dict[str, Session] = {}
        self._claims: list[Claims] = []
        for process, workers, wrong_by in zip(self._processes, bounds.workers, bounds.wrong_clocks, strict=True):
            clock = ModelClock(self._shelf, wrong_by)
            store = ModelStore(self._shelf, clock)
            lease = session(store, clock, _TELEMETRY, TTL_SECONDS)
            lease.id = process.name
            self._sessions[process.name] = lease
            # The process is up and has its lease before it receives anything.
            start = Task(process, lease.renew())
            self._step(start)
            process.tasks.clear()
            Task(process, lease.keep(_LONGEST), endless=True)
            renewal = process.tasks[0]
            self._step(renewal)
            self._claims.append(claims(store, lease, clock, 10_000.0))
            for _ in range(workers):
                Task(process, _work(self._claims[-1], clock))

    def choices(self) -> Sequence[Choice]:
        """See World."""
        found: list[Choice] = []
        if not self._is_done():
            for task, name in self._tasks():
                found += self._choices_of(task, name)
            if self._left[0]:
                living = [process.name for process in self._processes if process.alive]
                found += [("time",), *(("time", name) for name in living[: self._bounds.paused])]
            if self._left[2] and self._processes[0].alive:
                found.append(("crash",))
        return found

    def apply(self, choice: Choice) -> None:
        """See World."""
        if choice[0] == "time":
            self._left[0] -= 1
            self._pass_time(TICK_SECONDS, choice[1:])
        elif choice[0] == "crash":
            self._left[2] -= 1
            self._crash(self._processes[0])
        else:
            if choice[0] == "lose":
                self._left[1] -= 1
            self._step(next(task for task, name in self._tasks() if name == choice[1]), choice[0])

    def key(self) -> Hashable:
        """See World."""
        windows = tuple(sorted((window.process, window.is_excused, window.has_sent) for window in self._windows))
        processes = tuple((process.alive, tuple(task.key() for task in process.tasks)) for process in self._processes)
        memory = tuple(_plain(part) for part in (*self._sessions.values(), *self._claims))
        return processes, memory, self._shelf.key(), self._shelf.time, windows, tuple(self._left)

    def finish(self) -> None:
        """See World."""
        for _ in range(_MOST_STEPS_TO_THE_END):
            if self._is_done():
                return
            ready = [task for task, _ in self._tasks() if task.request is not None and self._is_due(task)]
            if not ready:
                wakes = [task.request.detail for task, _ in self._tasks() if task.request is not None]
                self._pass_time(max(min(wakes) - self._shelf.time, 1.0), ())
            for task in ready:
                if task.request is not None:
                    self._step(task)
        raise Violation("a worker that lives never comes to an end")

    def close(self) -> None:
        """See World."""
        for process in self._processes:
            for task in process.tasks:
                task.close()

    def _tasks(self) -> list[tuple[Task, str]]:
        return [
            (task, f"{process.name}.{number}")
            for process in self._processes
            if process.alive
            for number, task in enumerate(process.tasks)
        ]

    def _is_done(self) -> bool:
        return all(task.request is None for task, _ in self._tasks() if not task.endless)

    def _is_due(self, task: Task) -> bool:
        request = task.request
        return request is not None and (request.kind != "sleep" or request.detail <= self._shelf.time)

    def _choices_of(self, task: Task, name: str) -> list[Choice]:
        if not self._is_due(task) or task.request is None:
            return []
        may_lose = self._left[1] and task.process is self._processes[0] and not task.endless
        if may_lose and task.request.kind == "store":
            return [("step", name), ("lose", name)]
        return [("step", name)]

    def _step(self, task: Task, how: Hashable = "step") -> None:
        request = task.request
        if request is None:
            raise RuntimeError("a task that has ended has no step")
        answer: Any = None
        if request.kind == "store":
            answer = request.detail()
            if how == "lose":
                answer = StateError("answer lost")
        elif request.kind == "looked":
            window = Window(task.process.name)
            self._windows.append(window)
            self._open[task] = window
        elif request.kind == "send":
            self._send(task)
        elif request.kind == "confirmed":
            del self._open[task]
        elif request.kind == "acknowledge":
            self._acknowledge()
        task.answer(answer)
        # What nobody else can see happens at once.
        if task.request is not None and task.request.kind in {"looked", "confirmed", "acknowledge"}:
            self._step(task)

    def _send(self, task: Task) -> None:
        self._open[task].has_sent = True
        sent = [window for window in self._windows if window.has_sent]
        if len(sent) > 1 + sum(window.is_excused for window in sent):
            raise Violation("done twice, and nobody was away")

    def _acknowledge(self) -> None:
        if not any(window.has_sent for window in self._windows):
            raise Violation("acknowledged and never done")

    def _pass_time(self, seconds: float, paused: Sequence[Hashable]) -> None:
        for _ in range(_BEATS):
            self._shelf.time += seconds / _BEATS
            for task, _ in self._tasks():
                if task.request is not None and task.request.kind == "sleep" and self._is_due(task):
                    self._step(task)
                if task.endless and task.process.name not in paused and self._is_due(task):
                    self._step(task)
        for window in self._open.values():
            if not self._sessions[window.process].fresh:
                window.is_excused = True

    def _crash(self, process: Process) -> None:
        process.alive = False
        for task in process.tasks:
            task.close()
            if task in self._open:
                self._open.pop(task).is_excused = True


def _plain(part: object) -> Hashable:
    """Return what an object remembers, but for the parts it was made of."""
    return repr(sorted((name, value) for name, value in vars(part).items() if is_plain(value)))


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
