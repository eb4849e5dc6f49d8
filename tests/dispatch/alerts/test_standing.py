"""What `vigild alerts` says of a group at each stage of its life; how it says it, tests/cli/test_alerts.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.dispatch.alerts.scope import Scope
from daemon.dispatch.alerts.silences import Silence
from daemon.dispatch.alerts.standing import Standing, standing_of
from daemon.sinks.grouping import GroupConfig
from tests.clocks import HandWound
from tests.dispatch.alerts.replica import NOON, Replica, event, replica
from tests.servers import serve

pytestmark = pytest.mark.anyio

GROUP = {"by": ["rule", "account"], "wait_seconds": 30, "interval_seconds": 300, "close_after_seconds": 900}


@pytest.fixture
def clock() -> HandWound:
    """Return a clock that stands at noon."""
    return HandWound(NOON)


def only(process: Replica, *, configured: bool = True, is_lifted: bool = False) -> Standing:
    """Return where the only group stands."""
    (kept,) = process.parts.groups.all_known()
    config = GroupConfig.model_validate(GROUP) if configured else None
    return standing_of(kept.group, config, is_lifted=is_lifted, now=process.clock.now())


async def silence(process: Replica) -> None:
    """Silence all alerts for an hour."""
    now = process.clock.now()
    await process.parts.silences.place(
        Silence(id="5117", scope=Scope(), by="ada", why="a migration", since=now, until=now + 3_600)
    )
    process.clock.time += 3


async def test_a_group_from_its_first_alert_to_its_end(tmp_path: Path, clock: HandWound) -> None:
    """It waits, is told, waits for what is new, and closes: each with its counts and the time of what comes next."""
    async with serve() as server, replica(tmp_path, server, clock, group=GROUP) as process:
        await process.alert(event(1), event(2), event(3, "i-1"))
        waiting = only(process)
        assert (waiting.stage, waiting.alerts, waiting.untold, waiting.resources) == ("waiting", 3, 3, 2)
        assert (waiting.next_note, waiting.next_at, waiting.told_at) == ("opened", NOON + 30, None)
        assert waiting.by == {"rule": "stopped", "account": "111122223333"}
        assert waiting.named_resources == ["i-1", "i-2"]

        await process.wait(30)
        told = only(process)
        assert (told.stage, told.alerts, told.untold, told.notes, told.told_at) == ("told", 3, 0, 1, NOON + 30)
        assert (told.next_note, told.next_at) == ("closed", NOON + 900)

        clock.time += 10
        await process.alert(event(4))
        more = only(process)
        assert (more.alerts, more.untold, more.next_note, more.next_at) == (4, 1, "again", NOON + 330)


async def test_a_single_alert_ends_without_a_word(tmp_path: Path, clock: HandWound) -> None:
    """Where no note comes any more, none is promised."""
    async with serve() as server, replica(tmp_path, server, clock, group=GROUP) as process:
        await process.alert(event(1))
        await process.wait(30)

        assert (only(process).next_note, only(process).next_at) == (None, NOON + 900)


async def test_what_is_held_back_says_by_whom_and_until_when(tmp_path: Path, clock: HandWound) -> None:
    """A silence tells when it is over, at once where a person ended it."""
    async with serve() as server, replica(tmp_path, server, clock) as process:
        await silence(process)
        await process.alert(event(1), event(2))

        held = only(process)
        assert (held.stage, held.held_by, held.why) == ("silence", "5117", "ada: a migration")
        assert (held.untold, held.next_note, held.next_at) == (2, "silence", NOON + 3_600)
        assert only(process, is_lifted=True).next_at == clock.time


async def test_what_cannot_be_told_says_so(tmp_path: Path, clock: HandWound, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note whose target fails is on its way and not told; without a target nothing is promised."""
    async with serve() as server, replica(tmp_path, server, clock, group=GROUP) as process:
        await process.alert(event(1), event(2))
        stranded = only(process, configured=False)
        assert (stranded.stage, stranded.alerts, stranded.next_note, stranded.next_at) == ("stranded", 2, None, None)

        clock.time += 30
        monkeypatch.setattr(process.parts.targets["hook"].plain, "deliver", _cut_off)
        await process.look()
        sending = only(process)
        assert (sending.stage, sending.alerts, sending.untold, sending.next_note) == ("sending", 2, 2, "opened")


async def _cut_off(*_: object) -> None:
    raise OSError
