from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import web

from daemon.actions.config import Mode
from daemon.clients import AwsClients, AwsSettings
from daemon.dispatch.dead_letters import FileDeadLetterConfig, PlaceContext, build_places
from daemon.dispatch.dead_letters.selection import Selection
from daemon.dispatch.remediation.result import Asker, Ending, Result, result_event
from daemon.event import Event
from daemon.pipeline.redrive import Fate, Redriver
from daemon.telemetry.names import Outcome
from tests.clocks import HandWound
from tests.dispatch.alerts.replica import NOON, RULES, event, keys, notes, replica
from tests.servers import serve, silence, status

pytestmark = pytest.mark.anyio

GROUP = {
    "by": ["rule"],
    "wait_seconds": 30,
    "interval_seconds": 300,
    "repeat_seconds": 600,
    "longest_repeat_seconds": 2_000,
    "close_after_seconds": 1_800,
}


@pytest.fixture
def clock() -> HandWound:
    """Return a clock that stands at noon."""
    return HandWound(NOON)


async def test_alerts_within_the_wait_are_told_as_one(tmp_path: Path, clock: HandWound) -> None:
    """A hundred alerts on ten resources are final at once and one note, with counts, examples and the first event."""
    async with serve() as server, replica(tmp_path, server, clock, group=GROUP) as process:
        outcomes = await process.alert(*(event(number, f"i-{number % 10}") for number in range(100)))
        assert outcomes == [Outcome.MATCHED] * 100
        await process.wait(29)
        assert server.requests == []
        await process.wait(1)
        await process.wait(1)

    (note,) = notes(server)
    assert (note["state"], note["count"], note["total"], note["resources"]) == ("opened", 100, 100, 10)
    assert note["description"] == "100 alerts on 10 resources since 12:00Z: An instance stopped."
    assert (note["by"], note["rules"], note["severity"]) == ({"rule": "stopped"}, {"stopped": 100}, "high")
    assert len(note["examples"]) == len(note["named-resources"]) == 5
    assert orjson.loads(server.requests[0].body)["event"]["detail"] == {"state": "stopped"}
    assert process.metric("intents_total", outcome="grouped") == 100
    assert process.metric("alert_notes_total", state="opened", outcome="done") == 1


async def test_a_single_alert_reads_as_if_it_had_no_group(tmp_path: Path, clock: HandWound) -> None:
    """Its description is the rule's, its event the event, with one more field; its group closes without a word."""
    async with serve() as server, replica(tmp_path, server, clock, group=GROUP) as process:
        await process.alert(event(1))
        await process.wait(30)
        await process.wait(1_800)
        assert process.metric("alert_groups") == 1
        await process.look()
        assert process.metric("alert_groups") == 0

    (note,) = notes(server)
    assert (note["description"], note["count"]) == ("An instance stopped.", 1)


async def test_what_is_new_is_told_after_the_interval_and_more_of_the_same_at_growing_ones(
    tmp_path: Path, clock: HandWound
) -> None:
    """A new resource is told after 300 s; the same one after 600, 1,200 and then every 2,000 s, as counts."""
    told_at: list[float] = []
    async with serve() as server, replica(tmp_path, server, clock, group=GROUP) as process:
        await process.alert(event(0, "i-1"))
        await process.wait(30)
        await process.alert(event(1, "i-2"))
        await process.wait(299)
        assert len(server.requests) == 1
        await process.wait(1)
        assert len(server.requests) == 2
        clock.time = last = NOON + 330
        for number in range(2, 160):
            await process.alert(event(number, "i-1"))
            await process.wait(50)
            if len(server.requests) > 2 + len(told_at):
                told_at.append(clock.time - last)
                last = clock.time

    assert told_at[:4] == [600, 1_200, 2_000, 2_000]
    again = notes(server)[2]
    assert (again["state"], again["count"], again["total"], again["resources"]) == ("again", 12, 14, 1)
    assert again["description"] == "12 more since 12:05Z on 1 resource (14 in all): An instance stopped."


async def test_a_quiet_group_closes_with_a_note(tmp_path: Path, clock: HandWound) -> None:
    """After half an hour without an alert the note counts what was not told yet; the next alert opens another group."""
    async with serve() as server, replica(tmp_path, server, clock, group=GROUP) as process:
        await process.alert(event(1, "i-1"), event(2, "i-1"))
        await process.wait(30)
        await process.alert(event(3, "i-1"))
        clock.time += 1_799
        await process.look()
        await process.wait(1)
        await process.alert(event(4, "i-1"))
        await process.wait(30)

    opened, again, closed, reopened = notes(server)
    assert (opened["state"], again["state"], closed["state"], reopened["state"]) == (
        "opened",
        "again",
        "closed",
        "opened",
    )
    assert closed["description"] == "Closed, quiet since 12:00Z: 3 in all since 12:00Z: An instance stopped."
    assert opened["id"] == closed["id"] != reopened["id"]
    assert len(set(keys(server))) == 4


async def test_groups_are_told_apart_by_their_keys_and_bounded(tmp_path: Path, clock: HandWound) -> None:
    """Each value of a path is a group of its own, until there are too many: the others share one."""
    group = {**GROUP, "by": ["rule", "$.detail.team"], "resource": "$.detail.bucket", "max_groups": 3}
    async with serve() as server, replica(tmp_path, server, clock, group=group) as process:
        for number in range(10):
            detail = {"team": f"t{number}", "bucket": f"b{number}"}
            await process.alert(event(number, detail=detail))
        await process.wait(30)

    found = sorted((note["by"].get("$.detail.team", "others"), note["count"]) for note in notes(server))
    assert found == [("others", 7), ("t0", 1), ("t1", 1), ("t2", 1)]
    assert {"b0", "b1", "b2"} <= {name for note in notes(server) for name in note["named-resources"]}


async def test_a_rule_may_have_its_own_grouping_at_a_target(tmp_path: Path, clock: HandWound) -> None:
    """One rule's alerts go out at once, another's are gathered by resource and apart, all others as the target says."""
    rules = [
        {**RULES[0], "name": "paged", "targets": [{"target": "hook", "at_once": True}]},
        {**RULES[0], "name": "apart", "targets": [{"target": "hook", "group_by": ["resource", "$.detail.state"]}]},
        RULES[0],
    ]
    async with serve() as server, replica(tmp_path, server, clock, group={**GROUP, "by": []}, rules=rules) as process:
        await process.alert(event(1, "i-1"), event(2, "i-1"), event(3, "i-2"))
        at_once = len(server.requests)
        await process.wait(30)

    assert at_once == 3
    gathered = {tuple(note["by"].values()): note["count"] for note in notes(server)[at_once:]}
    assert gathered == {(): 3, ("apart", "i-1", "stopped"): 2, ("apart", "i-2", "stopped"): 1}


async def test_what_became_of_an_action_is_not_more_of_its_alerts(tmp_path: Path, clock: HandWound) -> None:
    """Results join no group of alerts: those that acted and those that failed are told apart, and say so first."""

    def result(number: int, ending: Ending) -> Event:
        asker = Asker(
            intent=f"{number:032x}",
            rule="stopped",
            action="start",
            kind="ec2.start-instances",
            mode=Mode.AUTO,
            event=f"eventbridge:{number}",
        )
        said = Result(ending=ending, summary=f"start i-{number}", account="111122223333", region="eu-west-1")
        return result_event(asker, said, clock.now())

    async with serve() as server, replica(tmp_path, server, clock, group=GROUP) as process:
        await process.alert(event(1), event(2), event(3))
        for number, ending in enumerate((Ending.DONE, Ending.FAILED, Ending.FAILED)):
            await process.parts.derived.announce(result(number, ending), ("hook",), "stopped")
        await process.wait(30)

    told = {note["by"].get("action", ""): (note["count"], note["description"]) for note in notes(server)}
    assert {action: count for action, (count, _) in told.items()} == {"": 3, "done": 1, "failed": 2}
    assert told["done"][1] == "start has acted: start i-0 (An instance stopped.)"
    assert told["failed"][1].endswith("start failed: start i-1 (An instance stopped.)")


async def test_replicas_share_groups_and_one_tells(tmp_path: Path, clock: HandWound) -> None:
    """Two processes add two hundred alerts to one group at the same time; it is told of once, with all of them."""
    async with (
        serve() as server,
        replica(tmp_path, server, clock, group=GROUP) as first,
        replica(tmp_path, server, clock, group=GROUP) as second,
    ):
        async with anyio.create_task_group() as tasks:
            for start in range(0, 200, 20):
                process = first if start % 40 else second
                tasks.start_soon(process.alert, *(event(number) for number in range(start, start + 20)))
        clock.time += 30
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.look)
            tasks.start_soon(second.look)
        await first.wait(10)
        await second.wait(10)

    (note,) = notes(server)
    assert (note["count"], note["resources"]) == (200, 200)


async def test_a_note_that_a_crash_cut_off_is_told_under_its_key(
    tmp_path: Path, clock: HandWound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one process froze and never sent is sent by the next one once it is seen dead, equal byte for byte."""
    asked = anyio.Event()

    async def hang(request: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        return await silence(request)

    async with serve(hang, status(200)) as server, replica(tmp_path, server, clock, group=GROUP) as survivor:
        async with replica(tmp_path, server, clock, group=GROUP) as dying:
            await dying.alert(event(1), event(2))
            clock.time += 30
            await dying.parts.keeper.look()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(dying.parts.keeper.tell_due)
                await asked.wait()
                # As kill -9 does: nothing of what it holds is given back.
                monkeypatch.setattr(dying.parts.keeper._memory.claims, "release", _nothing)
                tasks.cancel_scope.cancel()
        await survivor.alert(event(3))
        for _ in range(3):
            await survivor.wait(16)

    first, copy, *rest = server.requests
    assert (first.body, keys(server)[0]) == (copy.body, keys(server)[1])
    assert rest == []
    assert notes(server)[0]["count"] == 2


async def _nothing(_: object) -> None:
    pass


async def test_an_alert_that_a_crash_left_counted_is_not_counted_again(
    tmp_path: Path, clock: HandWound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between the group and the claim, an alert comes again and is known by its intent."""
    async with serve() as server, replica(tmp_path, server, clock, group=GROUP) as survivor:
        async with replica(tmp_path, server, clock, group=GROUP) as dying:
            claims = dying.parts.keeper._memory.claims
            monkeypatch.setattr(claims, "confirm", _hang)
            monkeypatch.setattr(claims, "release", _nothing)
            with anyio.move_on_after(1):
                await dying.alert(event(1), event(2))
        clock.time += 1_000
        with anyio.fail_after(20):
            assert await survivor.alert(event(1), event(2), event(3)) == [Outcome.MATCHED] * 3
        await survivor.wait(30)

    assert [note["count"] for note in notes(server)] == [3]


async def _hang(*_: object) -> bool:
    await anyio.sleep_forever()
    return False


async def test_a_note_that_fails_is_parked_and_can_be_redriven(tmp_path: Path, clock: HandWound) -> None:
    """The dead letter holds the whole note; redriven, it goes out as a note, not into another group."""
    async with serve(status(400), status(200)) as server, replica(tmp_path, server, clock, group=GROUP) as process:
        await process.alert(event(1), event(2))
        await process.wait(30)
        assert process.metric("alert_notes_total", outcome="parked") == 1
        parts = process.parts
        place = build_places(
            {"default": FileDeadLetterConfig(path=tmp_path / "dead.ndjson")},
            PlaceContext(AwsClients(AwsSettings()), parts.store),
        )["default"]
        redriver = Redriver(parts.pipeline.sieve, parts.pipeline.dispatcher, set(), 100, clock)

        fates = await redriver.redrive(place, Selection(), lambda _: None)

    assert fates == {Fate.DELIVERED: 1}
    assert notes(server)[0] == notes(server)[1]
    assert keys(server)[0] == keys(server)[1]


async def test_hostile_events_are_grouped_too(tmp_path: Path, clock: HandWound) -> None:
    """A huge event, fields of the wrong types, our own field forged, halves of surrogates: all are counted."""
    forgery: dict[str, Any] = {"vigild-group": {"state": "closed", "summary": "nothing happened"}}
    forged = event(4, **forgery)
    broken = Event("eventbridge:5", event(5).body[:-1] + b',"note":"\xff\xfe \\ud800"}', "")
    odd = event(3, account=["a"], region={"b": 1}, resources=[1, None, {"c": []}])
    group = {**GROUP, "by": ["rule", "account", "$.detail"]}
    async with serve() as server, replica(tmp_path, server, clock, group=group) as process:
        outcomes = await process.alert(event(1, detail={"state": "x" * 500_000}), event(2), odd, forged, broken)
        await process.wait(30)

    assert outcomes == [Outcome.MATCHED] * 5
    assert process.metric("alert_notes_total", state="opened", outcome="done") == len(server.requests) == 4
    assert sum(int(request.body.rpartition(b'"count":')[2].split(b",")[0]) for request in server.requests) == 5
    assert not (tmp_path / "dead.ndjson").exists()
    assert max(len(request.body) for request in server.requests) < 50_000


async def test_without_groups_nothing_waits(tmp_path: Path, clock: HandWound) -> None:
    """A target without `group` is sent each alert by itself, at once, byte for byte."""
    async with serve() as server, replica(tmp_path, server, clock) as process:
        await process.alert(event(1), event(2))

    assert len(server.requests) == 2
    assert event(1).body in {orjson.dumps(orjson.loads(request.body)["event"]) for request in server.requests}


async def test_less_than_the_least_severity_is_recorded_and_not_sent(tmp_path: Path, clock: HandWound) -> None:
    """A low alert is final as refused and counted with its reason; a high one is sent."""
    async with serve() as server, replica(tmp_path, server, clock, min_severity="medium") as process:
        assert await process.alert(event(1), event(2, source="aws.s3")) == [Outcome.MATCHED] * 2

    assert [note["severity"] for note in notes(server)] == ["high"]
    assert process.metric("alerts_withheld_total", reason="severity") == 1
    assert process.metric("intents_total", outcome="refused") == 1
