"""Processes that share a store in a model: their steps, what may befall them, and how time goes by for them.

claims_world.py and leases_world.py say what the processes do and which promises hold.

What may happen at any time: a step of any task, an answer of the store that is lost, a crash, and time going by, with
the store there or away for everybody: then no renewal gets through, and other calls wait until it is back.
While it does, a process may be paused: then even what renews its lease goes on only at some later step, before or
after its other tasks.  Of processes that are not, it goes on at once; that it could also come in between others' steps
without a pause makes no difference to anybody.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from daemon.clock import SystemClock
from daemon.errors import StateError
from daemon.telemetry import Telemetry
from tests.model.explorer import Choice, Process, Request, Task, Violation, is_plain, plainly
from tests.model.store import Shelf

TICK_SECONDS = 16.0
"""Outlasts the lease of who is paused meanwhile."""
_BEATS = 2
"""In each tick, for those who are not: more often than a renewal is due."""
_LONGEST_BACK_OFF = 2.0
"""Of a renewal: daemon/dedupe/session.py."""
_MOST_STEPS_TO_THE_END = 400

_SILENT = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
SILENT_TELEMETRY = Telemetry(_SILENT, SystemClock())


class _LongestWait(random.Random):
    """No chance in the model: every back-off is as long as it may be."""

    def uniform(self, _: float, b: float) -> float:
        return b


LONGEST_WAIT = _LongestWait()


@dataclass(frozen=True, slots=True)
class Mishaps:
    """How much may go wrong."""

    ticks: int = 2
    lost_answers: int = 0
    """Of the first process's calls: done, but it is told otherwise."""
    crashes: int = 0
    """The first process may die."""
    paused: int = 1
    """So many of the processes may pause."""
    outages: int = 0
    """So often the store may be away for everybody, for a tick."""


class ProcessesWorld:
    """The part of a World that is the same for every protocol."""

    unseen: frozenset[str] = frozenset()
    """Kinds of requests that nobody else can see, and so happen at once."""
    renewals_get_lost = False
    """Whether answers to endless tasks can be lost, too."""

    def __init__(self, count: int, mishaps: Mishaps) -> None:
        self.shelf = Shelf()
        self.processes = [Process(f"p{number}") for number in range(count)]
        self._mishaps = mishaps
        self._left = [mishaps.ticks, mishaps.lost_answers, mishaps.crashes, mishaps.outages]

    def is_done(self) -> bool:
        """Whether all that matters has come to its end."""
        return all(task.request is None for task, _ in self._tasks() if not task.endless)

    def carry_out(self, task: Task, request: Request) -> None:
        """Do what a request of another kind than "store" and "sleep" asks for."""
        raise LookupError(f"{task.process.name}: {request.kind}")

    def stored(self, task: Task) -> None:
        """Look at the shelf after a step of this task."""

    def time_went_by(self) -> None:
        """Look at everything after a tick with the store there."""

    def died(self, task: Task) -> None:
        """Note that a task will not go on."""

    def memory(self) -> Hashable:
        """Return what tells this state from others, beside the shelf, the tasks, and what may still befall them."""
        return ()

    def choices(self) -> Sequence[Choice]:
        """See World."""
        found: list[Choice] = []
        if not self.is_done():
            for task, name in self._tasks():
                found += self._choices_of(task, name)
            if self._left[0]:
                living = [process.name for process in self.processes if process.alive]
                found += [("time",), *(("time", name) for name in living[: self._mishaps.paused])]
            if self._left[2] and self.processes[0].alive:
                found.append(("crash",))
            if self._left[3]:
                found.append(("outage",))
        return found

    def apply(self, choice: Choice) -> None:
        """See World."""
        if choice[0] == "time":
            self._left[0] -= 1
            self._pass_time(TICK_SECONDS, choice[1:])
            self.time_went_by()
        elif choice[0] == "outage":
            self._left[3] -= 1
            self._pass_time(TICK_SECONDS, (), "refuse")
            # Until everybody is about to try again: one will be the first.
            self.shelf.time += _LONGEST_BACK_OFF
        elif choice[0] == "crash":
            self._left[2] -= 1
            self._crash(self.processes[0])
        else:
            if choice[0] == "lose":
                self._left[1] -= 1
            self.step(next(task for task, name in self._tasks() if name == choice[1]), choice[0])

    def key(self) -> Hashable:
        """See World."""
        processes = tuple((process.alive, tuple(task.key() for task in process.tasks)) for process in self.processes)
        return processes, self.memory(), self.shelf.key(), self.shelf.time, tuple(self._left)

    def finish(self) -> None:
        """See World."""
        for _ in range(_MOST_STEPS_TO_THE_END):
            if self.is_done():
                return
            ready = [task for task, _ in self._tasks() if self._is_due(task)]
            if not ready:
                wakes = [task.request.detail for task, _ in self._tasks() if task.request is not None]
                self._pass_time(max(min(wakes) - self.shelf.time, 1.0), ())
            for task in ready:
                if task.request is not None:
                    self.step(task)
        raise Violation("a worker that lives never comes to an end")

    def close(self) -> None:
        """See World."""
        for process in self.processes:
            for task in process.tasks:
                task.close()

    def step(self, task: Task, how: Hashable = "step") -> None:
        """Answer a task's request, and those that follow and that nobody else can see."""
        while (request := task.request) is not None:
            answer: Any = None
            if request.kind == "store" and how == "refuse":
                answer = StateError("away")
            elif request.kind == "store":
                answer = request.detail()
                self.stored(task)
                if how == "lose":
                    answer = StateError("answer lost")
            elif request.kind != "sleep":
                self.carry_out(task, request)
            task.answer(answer)
            if task.request is None or task.request.kind not in self.unseen:
                return

    def _tasks(self) -> list[tuple[Task, str]]:
        return [
            (task, f"{process.name}.{number}")
            for process in self.processes
            if process.alive
            for number, task in enumerate(process.tasks)
        ]

    def _is_due(self, task: Task) -> bool:
        request = task.request
        return request is not None and (request.kind != "sleep" or request.detail <= self.shelf.time)

    def _choices_of(self, task: Task, name: str) -> list[Choice]:
        if not self._is_due(task) or task.request is None:
            return []
        may_lose = self._left[1] and task.process is self.processes[0] and (self.renewals_get_lost or not task.endless)
        if may_lose and task.request.kind == "store":
            return [("step", name), ("lose", name)]
        return [("step", name)]

    def _pass_time(self, seconds: float, paused: Sequence[Hashable], renewals: str = "step") -> None:
        for _ in range(_BEATS):
            self.shelf.time += seconds / _BEATS
            for task, _ in self._tasks():
                if task.request is not None and task.request.kind == "sleep" and self._is_due(task):
                    self.step(task)
                if task.endless and task.process.name not in paused and self._is_due(task):
                    self.step(task, renewals)

    def _crash(self, process: Process) -> None:
        process.alive = False
        for task in process.tasks:
            task.close()
            self.died(task)


def remembered(part: object) -> Hashable:
    """Return what an object remembers, but for the parts it was made of."""
    return plainly(sorted((name, value) for name, value in vars(part).items() if is_plain(value)))
