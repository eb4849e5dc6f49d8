"""Runs real coroutines through every interleaving of their steps: a small explicit-state model checker.

The code under test runs as it is; only its store and clock are the model's.  Each call of them hands a Request to the
world, which answers one at a time, in every order, with and without faults.  A coroutine cannot be copied, so a branch
is reached again by replaying its choices.  States are recognised by what the world holds, what the processes hold, and
where each coroutine stands: its frames' positions and plain local variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

Choice = tuple[Hashable, ...]

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Violation(AssertionError):  # noqa: N818 - what a checker calls it
    """Raised when a promise is broken; the text ends with the choices that led there."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a coroutine asks the world for; awaiting it returns the world's answer."""

    kind: str
    detail: Any = None

    def __await__(self) -> Generator[Request, Any, Any]:
        return (yield self)


@dataclass(slots=True)
class Process:
    """Tasks that share memory, and so pause and die together."""

    name: str
    tasks: list[Task] = field(default_factory=list)
    alive: bool = True


class Task:
    """A coroutine, stopped at its next request."""

    def __init__(self, process: Process, coroutine: Any, *, endless: bool = False) -> None:
        self.process = process
        self.endless = endless
        self.request: Request | None = None
        self._coroutine = coroutine
        self._key: Hashable = None
        process.tasks.append(self)
        self._go(lambda: coroutine.send(None))

    def answer(self, value: Any) -> None:
        """Go on with this answer, or with this exception raised."""
        if isinstance(value, Exception):
            self._go(lambda: self._coroutine.throw(value))
        else:
            self._go(lambda: self._coroutine.send(value))

    def key(self) -> Hashable:
        """Return what tells where the coroutine stands."""
        if self._key is None:
            self._key = self._frames()
        return self._key

    def _frames(self) -> Hashable:
        frames: list[Hashable] = []
        inner = self._coroutine
        while (frame := getattr(inner, "cr_frame", None)) is not None:
            plain = tuple((name, plainly(value)) for name, value in sorted(frame.f_locals.items()) if is_plain(value))
            frames.append((frame.f_code.co_name, frame.f_lasti, plain))
            inner = inner.cr_await
        return tuple(frames)

    def close(self) -> None:
        """Die."""
        self.request = None
        self._coroutine.close()

    def _go(self, step: Callable[[], Request]) -> None:
        self._key = None
        try:
            self.request = step()
        except StopIteration:
            self.request = None


def is_plain(value: Any) -> bool:
    """Whether a variable's text says all there is to it; the others are the same objects in every state."""
    if isinstance(value, list | tuple | set | dict):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | bytes | int | float | msgspec.Struct | Exception)


def plainly(value: Any) -> str:
    """Return a plain value's text, without the addresses of what it refers to."""
    return _ADDRESS.sub("", repr(value))


class World(Protocol):
    """One state, which choices change."""

    def choices(self) -> Sequence[Choice]:
        """Return what may happen next, the same in every replay; nothing at the end."""

    def apply(self, choice: Choice) -> None:
        """Let it happen.  Raises Violation."""

    def key(self) -> Hashable:
        """Return what tells this state from others."""

    def finish(self) -> None:
        """Let everything run on without further faults.  Raises Violation where that does not come to an end."""

    def close(self) -> None:
        """Let go of the coroutines."""


def explore(build: Callable[[], World], most_states: int = 1_000_000) -> int:
    """Visit every state that can be reached; return how many there are.  Raises Violation."""
    seen: set[Hashable] = set()
    branches: list[tuple[Choice, ...]] = [()]
    while branches:
        path = branches.pop()
        world = build()
        try:
            for choice in path:
                world.apply(choice)
            _descend(world, list(path), seen, branches)
        except Violation as violation:
            raise Violation(f"{violation}\nafter " + "\n      ".join(map(str, path))) from violation
        finally:
            world.close()
        if len(seen) > most_states:
            raise RuntimeError(f"more than {most_states} states: bound the model")
    return len(seen)


def _descend(world: World, path: list[Choice], seen: set[Hashable], branches: list[tuple[Choice, ...]]) -> None:
    """Follow first choices down to a known state or an end; leave the other choices as branches."""
    try:
        while (key := world.key()) not in seen:
            seen.add(key)
            choices = world.choices()
            if not choices:
                world.finish()
                return
            branches.extend((*path, choice) for choice in choices[1:])
            path.append(choices[0])
            world.apply(choices[0])
    except Violation as violation:
        raise Violation(f"{violation} (then {path})") from violation
