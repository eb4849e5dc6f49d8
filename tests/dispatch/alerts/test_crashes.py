"""Alerts that a crash left counted in a group and not confirmed: told once, whatever happens before they come again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from daemon.dispatch.alerts.scope import Scope
from daemon.dispatch.alerts.silences import Silence
from daemon.event import Event
from daemon.telemetry.names import Outcome
from tests.clocks import HandWound
from tests.dispatch.alerts.replica import NOON, Replica, event, notes, replica
from tests.servers import Server, serve

pytestmark = pytest.mark.anyio

GROUP = {"by": ["rule"], "wait_seconds": 1, "close_after_seconds": 2, "closing_note": "never"}
LAPSED = 16
"""Seconds after which the dead process's session, seen before, is known to stand still."""


@pytest.fixture
def clock() -> HandWound:
    """Return a clock that stands at noon."""
    return HandWound(NOON)


async def silence(process: Replica) -> None:
    """Silence all alerts for a minute."""
    now = process.clock.now()
    await process.parts.silences.place(
        Silence(id="5117", scope=Scope(), by="ada", why="a migration", since=now, until=now + 60)
    )
    process.clock.time += 3


async def killed_before_it_confirms(dying: Replica, *events: Event) -> None:
    """Hand the alerts over, and end as kill -9 does once a group has them: nothing is confirmed or given back."""
    claims = dying.parts.keeper._memory.claims
    counted = anyio.Event()

    async def confirm(*_: object) -> bool:
        counted.set()
        await anyio.sleep_forever()
        return False

    async def release(_: object) -> None:
        pass

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(claims, "confirm", confirm)
        patched.setattr(claims, "release", release)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(dying.alert, *events)
            await counted.wait()
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def after_a_crash(
    folder: Path, server: Server, clock: HandWound, *, silenced: bool = False, **changes: Any
) -> AsyncIterator[Replica]:
    """Yield the process that goes on where another one died with two alerts counted."""
    async with replica(folder, server, clock, **changes) as survivor:
        if silenced:
            await silence(survivor)
        async with replica(folder, server, clock, **changes) as dying:
            await killed_before_it_confirms(dying, event(1), event(2))
        yield survivor


CASES = [pytest.param({"silenced": True}, id="silence"), pytest.param({"group": GROUP}, id="group")]


@pytest.mark.parametrize("case", CASES)
async def test_a_group_that_ends_before_its_alerts_come_again_has_told_them(
    tmp_path: Path, clock: HandWound, case: dict[str, Any]
) -> None:
    """The silence is over, or the group closed, and gone: the alerts are known as final when they come again."""
    async with serve() as server, after_a_crash(tmp_path, server, clock, **case) as survivor:
        for _ in range(4):
            await survivor.wait(60)
        assert survivor.parts.keeper._groups.all_known() == []

        assert await survivor.alert(event(1), event(2)) == [Outcome.DUPLICATE] * 2
        await survivor.wait(LAPSED)

    assert [note["count"] for note in notes(server)] == [2]


@pytest.mark.parametrize("case", CASES)
async def test_alerts_that_come_again_while_their_group_ends_are_not_told_again(
    tmp_path: Path, clock: HandWound, case: dict[str, Any]
) -> None:
    """The note is out and nobody knows yet that the other process is dead: the alerts wait for that, and are final."""
    async with serve() as server, after_a_crash(tmp_path, server, clock, **case) as survivor:
        await survivor.wait(60)
        assert [note["count"] for note in notes(server)] == [2]

        with anyio.fail_after(20):
            assert await survivor.alert(event(1), event(2)) == [Outcome.MATCHED] * 2
        for _ in range(3):
            await survivor.wait(60)
        assert survivor.parts.keeper._groups.all_known() == []

    assert [note["count"] for note in notes(server)] == [2]


async def test_a_silence_that_begins_before_alerts_come_again_does_not_count_them_again(
    tmp_path: Path, clock: HandWound
) -> None:
    """Their group has them and will tell of them: the silence holds back only what comes first under it."""
    group = {**GROUP, "wait_seconds": 100, "close_after_seconds": 200}
    async with serve() as server, after_a_crash(tmp_path, server, clock, group=group) as survivor:
        await survivor.look()
        await silence(survivor)
        with anyio.fail_after(20):
            assert await survivor.alert(event(1), event(2), event(3)) == [Outcome.MATCHED] * 3
        for _ in range(10):
            await survivor.wait(60)

    assert sorted((note["state"], note["count"]) for note in notes(server)) == [("opened", 2), ("silence", 1)]


async def test_a_group_waits_for_alerts_that_somebody_alive_is_at(tmp_path: Path, clock: HandWound) -> None:
    """A slow process has counted an alert and not confirmed it: the group stays until it has, or is dead."""
    async with serve() as server, after_a_crash(tmp_path, server, clock, group=GROUP) as survivor:
        async with replica(tmp_path, server, clock, group=GROUP) as slow:
            await killed_before_it_confirms(slow, event(3))
            for _ in range(6):
                await slow.parts.session.renew()
                await survivor.wait(LAPSED)
        assert [note["count"] for note in notes(server)] == [3]
        assert len(survivor.parts.keeper._groups.all_known()) == 1

        for _ in range(3):
            await survivor.wait(LAPSED)
        assert survivor.parts.keeper._groups.all_known() == []

    assert [note["count"] for note in notes(server)] == [3]
