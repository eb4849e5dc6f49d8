"""Entries that share a call: how many, how large, and whose cancellation leaves what to the others."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from daemon.errors import EffectError, RetryableError
from daemon.sinks.gathering import Gatherer, Limits

pytestmark = pytest.mark.anyio


class Line:
    """Where calls go: keeps what each carried, and stands still while it is told to."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.is_free = anyio.Event()
        self.is_free.set()

    async def send(self, entries: Sequence[str]) -> list[EffectError | None]:
        self.calls.append(list(entries))
        await self.is_free.wait()
        return [None] * len(entries)


async def test_calls_stay_within_their_limits() -> None:
    """No call has more entries or bytes than allowed, order is kept, an entry larger than a call goes alone."""
    line = Line()
    gatherer = Gatherer(line.send, Limits(entries=3, size=10))
    async with anyio.create_task_group() as group:
        for name, size in (("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 9), ("f", 5), ("g", 20), ("h", 5)):
            group.start_soon(gatherer.send, name, size)
    assert line.calls == [["a", "b", "c"], ["d", "e"], ["f"], ["g"], ["h"]]


async def test_who_is_cancelled_while_waiting_is_not_sent() -> None:
    """An entry given up before its turn is in no call."""
    line = Line()
    line.is_free = anyio.Event()
    gatherer = Gatherer(line.send, Limits(entries=3, size=10))
    async with anyio.create_task_group() as group:
        group.start_soon(gatherer.send, "first", 1)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0):
            await gatherer.send("given up", 1)
        group.start_soon(gatherer.send, "second", 1)
        await anyio.wait_all_tasks_blocked()
        line.is_free.set()
    assert line.calls == [["first"], ["second"]]


async def test_a_cancelled_call_fails_for_all_who_shared_it() -> None:
    """The others of the call are told to send again, and those after it go on."""
    line = Line()
    line.is_free = anyio.Event()
    gatherer = Gatherer(line.send, Limits(entries=2, size=10))
    told: list[str] = []

    async def send(name: str) -> None:
        try:
            await gatherer.send(name, 1)
            told.append(f"{name} taken")
        except RetryableError:
            told.append(f"{name} failed")

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as inner:
                inner.start_soon(gatherer.send, "turn", 1)
                group.start_soon(send, "shares")
                group.start_soon(send, "waits")
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
        line.is_free.set()
    assert line.calls == [["turn", "shares"], ["waits"]]
    assert told == ["shares failed", "waits taken"]
