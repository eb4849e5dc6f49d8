from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from daemon.dispatch.alerts.facts import Alert
from daemon.dispatch.alerts.maintenance import MaintenanceConfig
from daemon.dispatch.alerts.scope import Scope
from daemon.dispatch.alerts.silences import Silence, Silences
from daemon.dispatch.remediation.aside import Aside
from daemon.errors import StateError
from daemon.sinks.base import Severity
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry import build_telemetry
from daemon.telemetry.names import Outcome
from tests.clocks import HandWound
from tests.dispatch.alerts.replica import NOON, Replica, event, keys, notes, replica
from tests.servers import serve

pytestmark = pytest.mark.anyio

ALERT = Alert(
    target="hook",
    rule="stopped",
    severity=Severity.HIGH,
    source="aws.ec2",
    detail_type="",
    account="",
    region="",
    resources=(),
    event=event(1),
)


@pytest.fixture
def clock() -> HandWound:
    """Return a clock that stands at noon, a Friday."""
    return HandWound(NOON)


async def silence(process: Replica, scope: Scope, seconds: float = 3_600) -> None:
    """Silence these alerts from now on."""
    now = process.clock.now()
    await process.parts.silences.place(
        Silence(id="5117", scope=scope, by="ada", why="a migration", since=now, until=now + seconds)
    )
    process.clock.time += 3


async def test_silenced_alerts_are_final_and_told_as_one_in_the_end(tmp_path: Path, clock: HandWound) -> None:
    """While it lasts nothing is sent; when it is over one note says what was held back, and alerts go out again."""
    async with serve() as server, replica(tmp_path, server, clock) as process:
        await silence(process, Scope(rule=("stop*",)))
        outcomes = await process.alert(*(event(number, f"i-{number % 7}") for number in range(50)))
        await process.wait(3_590)
        assert (outcomes, server.requests) == ([Outcome.MATCHED] * 50, [])
        await process.wait(10)
        await process.alert(event(100))
        await process.wait(100)

        ended = await process.journal()

    report, alert = notes(server)
    assert (report["state"], report["held-by"], report["count"], report["resources"]) == ("silence", "5117", 50, 7)
    assert report["severity"] == "info"
    assert report["description"].startswith(
        "Silence 5117 is over; it held back 50 alerts on 7 resources since 12:00Z (ada: a migration)"
    )
    assert (alert["severity"], alert["description"]) == ("high", "An instance stopped.")
    assert process.metric("alerts_withheld_total", reason="silence") == 50
    assert process.metric("silences_ended_total") == 1
    assert ended == [("silence-ended", ""), ("held-back", "silence")]


async def test_a_silence_that_is_expired_early_tells_at_once(tmp_path: Path, clock: HandWound) -> None:
    """What it held back is told at the next look, not at the end that was first given."""
    async with serve() as server, replica(tmp_path, server, clock) as process:
        await silence(process, Scope())
        await process.alert(event(1))
        await process.wait(60)
        assert server.requests == []
        assert await process.parts.silences.expire("5117") is not None
        assert await process.parts.silences.expire("5117") is None
        await process.wait(10)

    assert [note["count"] for note in notes(server)] == [1]


@pytest.mark.parametrize(
    ("scope", "sent"),
    [
        (Scope(rule=("stopped",), account=("111122223333",)), 0),
        (Scope(rule=("stopped",), account=("999999999999",)), 1),
        (Scope(resource=("i-7*", "i-1")), 0),
        (Scope(resource=("i-2",)), 1),
        (Scope(region=("us-*",)), 1),
        (Scope(target=("hook",), event={"$.detail.state": "stop*"}), 0),
        (Scope(event={"$.detail.team": "*"}), 0),
        (Scope(event={"$.detail.team": "storage"}), 1),
    ],
    ids=lambda value: value.described() if isinstance(value, Scope) else "",
)
async def test_a_silence_holds_back_what_matches_all_it_says(
    tmp_path: Path, clock: HandWound, scope: Scope, sent: int
) -> None:
    """Several texts for one field mean any of them; several fields narrow it down."""
    async with serve() as server, replica(tmp_path, server, clock) as process:
        await silence(process, scope)
        await process.alert(event(1))

        assert len(server.requests) == sent


async def test_while_the_store_is_away_one_looks_in_vain_for_all(tmp_path: Path, clock: HandWound) -> None:
    """A look takes seconds to fail: the alerts behind it go by what was known last, until it is time for the next."""
    store = await SqliteStore.open(SqliteConfig(path=tmp_path / "state.sqlite"), clock)
    silences = Silences(store, clock, Aside(store, build_telemetry(), clock))
    held = Silence(id="1", scope=Scope(), by="ada", why="x", since=NOON, until=NOON + 3_600)
    await silences.place(held)
    assert await silences.in_force() == [held]
    (tmp_path / "state.sqlite").rename(tmp_path / "aside")

    clock.time += 3
    answers: list[Silence | None] = []
    failures = 0
    for _ in range(50):
        try:
            answers.append(await silences.covering(ALERT))
        except StateError:
            failures += 1
    await store.close()

    assert (failures, answers) == (1, [held] * 49)


async def test_a_silence_comes_before_groups_and_replicas_report_once(tmp_path: Path, clock: HandWound) -> None:
    """Alerts that two processes held back are one note of one key; what came before it is its group's own."""
    group = {"by": ["rule"], "wait_seconds": 60}
    async with (
        serve() as server,
        replica(tmp_path, server, clock, group=group) as first,
        replica(tmp_path, server, clock, group=group) as second,
    ):
        await first.alert(event(1))
        await silence(first, Scope())
        await first.alert(event(2))
        await second.alert(event(3))
        await first.wait(57)
        await second.look()
        assert [(note["state"], note["count"]) for note in notes(server)] == [("opened", 1)]
        clock.time += 3_600
        for process in (first, second, first, second):
            await process.wait(6)

    assert [(note["state"], note["count"]) for note in notes(server)][1:] == [("silence", 2)]
    assert len(set(keys(server))) == 2


async def test_replicas_say_once_that_a_silence_is_over(tmp_path: Path, clock: HandWound) -> None:
    """Of three processes that see it end at the same moment one says so, in the journal and in its log."""
    async with (
        serve() as server,
        replica(tmp_path, server, clock) as first,
        replica(tmp_path, server, clock) as second,
        replica(tmp_path, server, clock) as third,
    ):
        await silence(first, Scope(), seconds=60)
        clock.time += 60
        async with anyio.create_task_group() as tasks:
            for process in (first, second, third):
                tasks.start_soon(process.look)

        assert [step for step, _ in await first.journal()] == ["silence-ended"]
        assert sum(process.metric("silences_ended_total") for process in (first, second, third)) == 1


async def test_a_maintenance_window_holds_alerts_back_every_week(tmp_path: Path, clock: HandWound) -> None:
    """On Friday from noon for an hour alerts of one rule wait; then they are told as one, others go out as ever."""
    window = {"days": ["fri"], "at": "12:00", "hours": 1, "rules": ["stopped"], "why": "patching"}
    async with serve() as server, replica(tmp_path, server, clock, maintenance={"friday": window}) as process:
        await process.alert(event(1), event(2), event(3, source="aws.s3"))
        assert [note["severity"] for note in notes(server)] == ["low"]
        await process.wait(3_600)
        await process.alert(event(4))
        clock.time = NOON + 7 * 86_400
        await process.alert(event(5))
        journal = await process.journal()

    report, after = notes(server)[1:]
    assert (report["state"], report["held-by"], report["count"]) == ("maintenance", "friday", 2)
    assert report["description"].startswith("Maintenance friday is over; it held back 2 alerts on 2 resources since")
    assert after["severity"] == "high"
    assert process.metric("alerts_withheld_total", reason="maintenance") == 3
    assert journal == [("held-back", "maintenance")]


@pytest.mark.parametrize(
    ("fields", "at", "until"),
    [
        ({"days": ["sat"], "at": "22:00", "hours": 4}, "2026-01-03T23:59:00+00:00", "2026-01-04T02:00:00+00:00"),
        ({"days": ["sat"], "at": "22:00", "hours": 4}, "2026-01-04T01:59:00+00:00", "2026-01-04T02:00:00+00:00"),
        ({"days": ["sat"], "at": "22:00", "hours": 4}, "2026-01-04T02:00:00+00:00", None),
        ({"days": ["sat"], "at": "22:00", "hours": 4}, "2026-01-03T21:59:59+00:00", None),
        (
            {"days": ["fri"], "at": "18:00", "hours": 63, "timezone": "Europe/Berlin"},
            "2026-01-05T07:00:00+00:00",
            "2026-01-05T08:00:00+00:00",
        ),
        (
            # The night in which Berlin's clocks go forward: from 01:30 for two hours, as they pass.
            {"days": ["sun"], "at": "01:30", "hours": 2, "timezone": "Europe/Berlin"},
            "2026-03-29T02:00:00+00:00",
            "2026-03-29T02:30:00+00:00",
        ),
        (
            {"start": "2026-01-03T10:00:00+01:00", "end": "2026-01-03T12:00:00+01:00"},
            "2026-01-03T09:00:00+00:00",
            "2026-01-03T11:00:00+00:00",
        ),
        (
            {"start": "2026-01-03T10:00:00+01:00", "end": "2026-01-03T12:00:00+01:00"},
            "2026-01-03T11:00:00+00:00",
            None,
        ),
    ],
)
def test_when_a_window_is_open(fields: dict[str, Any], at: str, until: str | None) -> None:
    """Weekly windows go over midnight, over the weekend and over the change of clocks; others open once."""
    closes = MaintenanceConfig(**fields).open_until(datetime.fromisoformat(at).timestamp())

    assert (None if closes is None else datetime.fromtimestamp(closes, UTC).isoformat()) == until


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "needs start and end"),
        ({"days": ["sat"], "at": "22:00"}, "needs start and end"),
        ({"start": "2026-01-03T10:00:00+01:00"}, "either start and end"),
        ({"start": "2026-01-03T10:00:00", "end": "2026-01-03T12:00:00"}, "timezone info"),
        ({"start": "2026-01-03T10:00:00Z", "end": "2026-01-03T09:00:00Z"}, "end must be after start"),
        ({"days": ["sat"], "at": 1320, "hours": 1}, "valid string"),
        ({"days": ["sat"], "at": "24:00", "hours": 1}, "must be a time of day"),
        ({"days": ["sat"], "at": "22:00", "hours": 1, "timezone": "Mars/Olympus"}, "no time zone is called"),
        ({"days": ["sat"], "at": "22:00", "hours": 1, "timezone": "../../etc/passwd"}, "no time zone is called"),
        ({"days": ["sat"], "at": "22:00", "hours": 1, "event": {"detail": "x"}}, "begins with"),
    ],
)
def test_windows_that_mean_nothing_are_refused(fields: dict[str, Any], reason: str) -> None:
    """A slip in a window is a fault of the configuration, in words."""
    with pytest.raises(ValidationError, match=reason):
        MaintenanceConfig(**fields)
