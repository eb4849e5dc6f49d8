"""Groups over every kind of state store."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from daemon.clock import SystemClock
from daemon.dispatch.alerts import groups as groups_module
from daemon.dispatch.alerts.facts import Alert
from daemon.dispatch.alerts.group import Key, Member, frozen, joined
from daemon.dispatch.alerts.groups import Groups
from daemon.dispatch.alerts.note import member_of, note_of
from daemon.dispatch.remediation.aside import Aside
from daemon.sinks.base import Severity
from daemon.state.base import MOST_VALUE_BYTES, StateStore, Write
from daemon.telemetry import build_telemetry
from daemon.telemetry.names import NoteState, Outcome
from tests.clocks import HandWound
from tests.dispatch.alerts.replica import NOON, event, notes, replica
from tests.servers import serve
from tests.stores import KINDS, opened

pytestmark = pytest.mark.anyio

KEY = Key("hook", (("rule", "stopped"),))


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StateStore]:
    """Yield an empty store of each kind."""
    async with opened(request.param, tmp_path, SystemClock(), request) as made:
        yield made


def groups_of(store: StateStore) -> Groups:
    """Return the groups as another process would know them."""
    clock = SystemClock()
    return Groups(store, clock, Aside(store, build_telemetry(), clock))


def member(number: int) -> Member:
    """Return an alert about a resource of its own."""
    found = event(number)
    alert = Alert(
        target="hook",
        rule="stopped",
        severity=Severity.HIGH,
        source="aws.ec2",
        detail_type="",
        account="111122223333",
        region="eu-west-1",
        resources=(f"i-{number}",),
        event=found,
    )
    return member_of(f"{number:032x}", alert, f"i-{number}", "An instance stopped.")


async def test_processes_that_add_at_the_same_time_lose_nothing(store: StateStore) -> None:
    """Three processes add a hundred alerts each to two groups; both hold all, each alert once."""
    processes = [groups_of(store) for _ in range(3)]
    other = Key("hook", (("rule", "other"),))
    async with anyio.create_task_group() as tasks:
        for place, groups in enumerate(processes):
            for number in range(100):
                tasks.start_soon(groups.join, KEY if number % 2 else other, member(place * 100 + number), 10)

    reader = groups_of(store)
    await reader.look()
    kept = [each.group for each in reader.all_known()]
    assert sorted(group.total for group in kept) == [150, 150]
    assert [len(group.pending.resources) for group in kept if group.pending] == [150, 150]


async def test_one_alert_told_twice_counts_once_until_it_is_confirmed(store: StateStore) -> None:
    """An alert that another process adds again is known by its intent; confirmed ones are forgotten by and by."""
    first, second = groups_of(store), groups_of(store)
    name = await first.join(KEY, member(1), 10)
    await second.join(KEY, member(1), 10)
    assert (kept := second.known(name)) is not None
    assert (kept.group.total, len(kept.group.unconfirmed)) == (1, 1)

    second.confirmed(name, member(1).intent)
    await second.join(KEY, member(2), 10)
    assert (kept := second.known(name)) is not None
    assert (kept.group.total, kept.group.unconfirmed) == (2, [member(2).intent])


async def test_a_group_is_changed_only_as_it_was_seen(store: StateStore) -> None:
    """Who wants to end a group that got another alert meanwhile learns of it instead."""
    first, second = groups_of(store), groups_of(store)
    name = await first.join(KEY, member(1), 10)
    seen = first.known(name)
    await second.join(KEY, member(2), 10)

    assert seen is not None
    assert await first.replace(seen, None) is None
    now = first.known(name)
    assert now is not None
    assert now.group.total == 2
    assert await first.replace(now, None) is None
    assert first.known(name) is None
    await second.look()
    assert second.known(name) is None


async def test_what_cannot_be_read_holds_up_nothing(tmp_path: Path) -> None:
    """A broken group and a broken silence are counted; alerts of that group go out by themselves, others as ever."""
    clock = HandWound(NOON)
    group = {"by": ["rule"], "wait_seconds": 1}
    async with serve() as server, replica(tmp_path, server, clock, group=group) as process:
        store = process.parts.store
        await process.alert(event(1))
        (kept,) = [item async for item in store.scan("alert-group/")]
        await store.put([Write(kept.key, b"\xff", None), Write("silence/x", b"\xff", None)])
        assert await process.alert(event(2), event(3, source="aws.s3")) == [Outcome.MATCHED] * 2
        await process.wait(1)

    assert sorted(note.get("count", 0) for note in notes(server)) == [0, 1]
    assert process.metric("alerts_ungrouped_total") == 1
    assert process.metric("state_items_unreadable_total") == 2


async def test_while_state_is_away_alerts_go_out_by_themselves_where_the_target_says_so(tmp_path: Path) -> None:
    """With `proceed`, what cannot be gathered because the store is locked is sent one by one."""
    clock = HandWound(NOON)
    changes = {"group": {"by": ["rule"]}, "when_state_is_away": "proceed"}
    async with serve() as server, replica(tmp_path, server, clock, **changes) as process:
        process.parts.store._connection.execute("PRAGMA busy_timeout = 10")  # type: ignore[attr-defined] # SQLite's
        connection = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        assert await process.alert(event(1), event(2)) == [Outcome.MATCHED] * 2
        connection.execute("ROLLBACK")
        connection.close()

    assert len(server.requests) == 2
    assert [note.get("count") for note in notes(server)] == [None, None]


def test_the_largest_group_fits_every_store() -> None:
    """With everything at its bounds, also the longest texts, the value is under what a store takes."""
    members = [
        member_of(
            f"{number:032x}",
            Alert(
                target="hook",
                rule=f"rule-{number}" + "x" * 50,
                severity=Severity.HIGH,
                source="s",
                detail_type="d",
                account="1" * 256,
                region="r" * 256,
                resources=(),
                event=event(number, "\u20ac" * 250 + str(number), detail={"x": "y" * 32_000}),
            ),
            "\u20ac" * 250 + str(number),
            "d" * 1_000,
        )
        for number in range(6_000)
    ]
    group = joined(None, KEY, members, frozenset(), NOON)
    group = frozen(group, note_of(group, NoteState.OPENED))
    group = joined(group, KEY, members, frozenset(), NOON)
    group = joined(group, KEY, [*members, *(member(number) for number in range(10_000, 16_000))], frozenset(), NOON)

    assert len(groups_module._encode(group)) < MOST_VALUE_BYTES
