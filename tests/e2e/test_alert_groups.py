"""Groups, silences and maintenance of a real daemon, with short times; killed, shared, and told by the command line."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.closing_ssh import CLOSED, open_to_the_world, opened_event, vigild
from tests.e2e.closing_ssh import configuration as closing_ssh
from tests.e2e.estates import estate_of, group_rules, make_group
from tests.e2e.failures import queue_of
from tests.e2e.processes import DaemonProcess, run_daemon
from tests.e2e.watching import alerting, event
from tests.emulators import Emulator
from tests.servers import Server, serve
from tests.stores import keep_state

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.anyio]


def configuration(folder: Path, queue: str, url: str, endpoint: str, **group: Any) -> dict[str, Any]:
    """Return the configuration of a daemon that gathers what it reads from the queue into groups."""
    config = alerting(folder, {"queue": {"type": "sqs", "queue_url": queue, "wait_seconds": 1}}, url, endpoint)
    config["targets"]["hook"]["group"] = {"by": ["rule"], "resource": "$.detail.instance-id", **group}
    return config


def notes(server: Server) -> list[dict[str, Any]]:
    """Return the groups that the webhook was told of."""
    return [dict(orjson.loads(request.body)["event"]["vigild-group"]) for request in server.requests]


def counted(server: Server) -> int:
    """Return how many alerts were told, in all notes, copies of a note counted once."""
    told = {(note["id"], note["sequence"]): note["count"] for note in notes(server)}
    return sum(told.values())


async def wait_for(process: DaemonProcess, condition: Any, what: str) -> None:
    """Return when the condition holds."""
    await to_thread.run_sync(process.wait_for, condition, what)


async def test_replicas_killed_in_between_count_every_alert_once(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """Of two daemons one is killed among three hundred alerts and comes back: no alert is lost, none counted twice."""
    client = await roto_clients.client("sqs")
    rng = random.Random(7)
    queue = await queue_of(client, f"groups-{tmp_path.name}")
    await client.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "5"})
    async with serve() as server:
        config = configuration(
            tmp_path, queue, server.url, roto.endpoint_url, wait_seconds=1, interval_seconds=2, close_after_seconds=60
        )
        with run_daemon(tmp_path, config) as survivor, run_daemon(tmp_path, config) as dying:
            for process in (survivor, dying):
                await to_thread.run_sync(process.wait_until_ready)
            for number in range(300):
                await client.send_message(QueueUrl=queue, MessageBody=event(2 * number + 1, rng).decode())
                if number == 150:
                    await wait_for(dying, lambda: dying.metric("vigild_intents_total", outcome="grouped") > 0, "at it")
                    await to_thread.run_sync(dying.kill)
            await wait_for(survivor, lambda: counted(server) >= 300, "told")
            with run_daemon(tmp_path, config) as again:
                await to_thread.run_sync(again.wait_until_ready)
                assert await to_thread.run_sync(again.stop) == 0
            assert await to_thread.run_sync(survivor.stop) == 0

    assert counted(server) == 300
    assert len({note["id"] for note in notes(server)}) == 1
    bodies = {(note["sequence"], orjson.dumps(note)) for note in notes(server)}
    assert len(bodies) == len({sequence for sequence, _ in bodies}), "copies of a note are equal"


async def test_a_group_outlives_its_daemon(tmp_path: Path, roto: Emulator, roto_clients: AwsClients) -> None:
    """Killed while a group waits for its first note, the daemon tells it after its restart, with all alerts."""
    client = await roto_clients.client("sqs")
    rng = random.Random(7)
    queue = await queue_of(
        client, f"outlives-{tmp_path.name}", *(event(number, rng).decode() for number in range(1, 21, 2))
    )
    async with serve() as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url, wait_seconds=6)
        with run_daemon(tmp_path, config) as process:
            await wait_for(
                process, lambda: process.metric("vigild_events_settled_total", outcome="matched") == 10, "in"
            )
            process.kill()
        assert server.requests == []
        with run_daemon(tmp_path, config) as process:
            await wait_for(process, lambda: server.requests, "told")
            assert await to_thread.run_sync(process.stop) == 0

    assert [(note["state"], note["count"]) for note in notes(server)] == [("opened", 10)]


async def test_a_run_that_comes_to_its_end_tells_at_once(tmp_path: Path) -> None:
    """Over files, nothing more can come: groups do not wait for their time."""
    rng = random.Random(7)
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(event(number, rng) for number in range(1, 41, 2)))
    async with serve() as server:
        config = alerting(
            tmp_path, {"file": {"type": "file", "paths": [str(tmp_path / "events.ndjson")]}}, server.url, server.url
        )
        config["targets"]["hook"]["group"] = {"wait_seconds": 3_600, "close_after_seconds": 7_200}
        with run_daemon(tmp_path, config) as process:
            assert await to_thread.run_sync(process.process.wait, 60) == 0, process.log_text()

    assert [(note["state"], note["count"]) for note in notes(server)] == [("opened", 20)]


async def test_silences_stop_alerts_and_holds_stop_actions(tmp_path: Path, moto: Emulator) -> None:
    """With all alerts silenced the port is closed and nobody told, until the silence expires; with all actions held the
    alert goes out and nothing is done.  Who did it stands in the journal.
    """
    config = closing_ssh(tmp_path, moto, "auto")
    alerts = tmp_path / "alerts.ndjson"

    def run(group: str) -> list[dict[str, Any]]:
        (tmp_path / "events.ndjson").write_text(orjson.dumps(opened_event(group)).decode() + "\n")
        with run_daemon(tmp_path, config) as process:
            assert process.process.wait(60) == 0, process.log_text()
        return [orjson.loads(line) for line in alerts.read_bytes().splitlines()] if alerts.exists() else []

    def command(*arguments: str) -> str:
        done = vigild(tmp_path, config, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    await to_thread.run_sync(keep_state, Path(config["state"]["path"]))
    async with estate_of(moto) as aws:
        first, second = [await _open_group(aws, f"{tmp_path.name}-{number}") for number in range(2)]
        said = await to_thread.run_sync(
            command, "silences", "add", "--why", "a migration", "--hours", "1", "--on", "rule=ssh-*", "--by", "ada"
        )
        silence = said.split()[1]
        assert await to_thread.run_sync(run, first) == []
        assert await group_rules(aws, first) == CLOSED
        listed = await to_thread.run_sync(command, "silences", "list")
        await to_thread.run_sync(command, "silences", "expire", silence, "--by", "eve")
        await to_thread.run_sync(command, "holds", "add", "--why", "a freeze")
        await to_thread.run_sync(run, second)
        (tmp_path / "more").mkdir()
        config["sources"] = {"events": {"type": "file", "paths": [str(tmp_path / "more")], "follow": True}}
        with run_daemon(tmp_path, config) as daemon:
            await to_thread.run_sync(daemon.wait_until_ready)
            await wait_for(daemon, lambda: len(alerts.read_bytes().splitlines()) == 2, "told of what was silenced")
            assert await to_thread.run_sync(daemon.stop) == 0
        assert await group_rules(aws, second) != CLOSED

    journal = [orjson.loads(line) for line in command("journal", "export").splitlines()]
    assert "rule ssh-*  by ada: a migration" in listed
    told = [orjson.loads(line)["event"] for line in alerts.read_bytes().splitlines()]
    assert [event["detail"]["reason"] for event in told if "vigild-group" not in event] == ["held"]
    reports = [event["vigild-group"] for event in told if "vigild-group" in event]
    assert [(note["state"], note["held-by"], note["count"]) for note in reports] == [("silence", silence, 1)]
    steps = [(entry["step"], entry["by"].partition("@")[0]) for entry in journal]
    assert {("silenced", "ada"), ("expired", "eve"), ("silence-ended", "vigild"), ("held-back", "vigild")} <= set(steps)
    expired = await to_thread.run_sync(vigild, tmp_path, config, "silences", "expire", silence)
    assert expired.returncode == 1


async def _open_group(aws: AwsClients, name: str) -> str:
    group = await make_group(aws, name)
    await open_to_the_world(aws, group)
    return group
