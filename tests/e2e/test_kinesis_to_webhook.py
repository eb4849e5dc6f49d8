"""A stream shared by real daemon processes: over resharding, a kill and a stop nothing is lost, and books balance."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
import yaml
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.processes import DaemonProcess, run_daemon
from tests.e2e.watching import Hook, alerting, assert_balanced, event, hook
from tests.emulators import CREDENTIALS, Emulator
from tests.sources.streams import Stream, aggregate, make_stream

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(300)]

HELD = "vigild_kinesis_leases_held"


def configuration(folder: Path, stream: Stream, url: str, endpoint: str) -> dict[str, Any]:
    source = {
        "type": "kinesis",
        "stream_name": stream.name,
        "start": "TRIM_HORIZON",
        "batch_size": 50,
        "idle_poll_seconds": 0.3,
        "lease_seconds": 3,
    }
    return alerting(folder, {"events": source}, url, endpoint)


def records(first: int, last: int, seed: int) -> list[bytes]:
    """Return events as producers put them: plain, KPL aggregates, joined by line feeds; and one bad record."""
    rng = random.Random(seed)
    bodies = [event(number, rng) for number in range(first, last)]
    made = []
    while bodies:
        kind, some = rng.choice(["plain", "plain", "aggregate", "lines"]), rng.randint(1, 8)
        if kind == "plain":
            made.append(bodies.pop())
        elif kind == "aggregate":
            made.append(aggregate([(str(number), body) for number, body in enumerate(bodies[-some:])]))
            del bodies[-some:]
        else:
            made.append(b"\n".join(bodies[-some:]))
            del bodies[-some:]
    return [*made, b"no event at all"]


async def reshard(stream: Stream) -> None:
    """Split the first shard and merge its upper half with its neighbour."""
    first, second, *_ = await stream.open_shards()
    await stream.split(first)
    halves = [shard for shard in await stream.shards() if shard in await children(stream, first)]
    await stream.merge(halves[1], second)


async def children(stream: Stream, parent: str) -> set[str]:
    return {name for name, shard in (await stream.shards()).items() if shard.get("ParentShardId") == parent}


async def wait_until_told(target: Hook, intents: int, *processes: DaemonProcess) -> None:
    with anyio.fail_after(120):
        while len(target.taken) < intents:
            assert all(process.process.poll() is None for process in processes), processes[0].log_text()[-3000:]
            await anyio.sleep(0.2)


def leases(folder: Path, config: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    path = folder / "leases.yaml"
    path.write_text(yaml.safe_dump(config))
    return subprocess.run(
        [sys.executable, "-m", "daemon", "leases", *arguments, "--config", str(path)],
        env=CREDENTIALS,
        capture_output=True,
        check=False,
    )


def listed(folder: Path, config: dict[str, Any]) -> list[dict[str, Any]]:
    done = leases(folder, config, "list", "--json")
    assert done.returncode == 0, done.stderr
    return [orjson.loads(line) for line in done.stdout.splitlines()]


async def test_three_processes_share_a_stream_over_resharding_and_a_kill(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """Records before, during and after a split, a merge and a kill -9: no intent lost, repeats few and known by key."""
    stream = await make_stream(roto_clients, shards=4)
    async with hook() as target:
        config = configuration(tmp_path, stream, target.url, roto.endpoint_url)
        with (
            run_daemon(tmp_path, config) as doomed,
            run_daemon(tmp_path, config) as second,
            run_daemon(tmp_path, config) as third,
        ):
            for process in (doomed, second, third):
                await to_thread.run_sync(process.wait_until_ready)
            await stream.put(records(0, 1_000, seed=1))
            await reshard(stream)
            await stream.put(records(1_000, 2_000, seed=2))
            with anyio.fail_after(60):
                await target.enough.wait()
            doomed.kill()
            await stream.put(records(2_000, 3_000, seed=3))
            await wait_until_told(target, 1_500, second, third)
            await to_thread.run_sync(second.wait_for, lambda: second.metric("vigild_events_in_flight") == 0, "at rest")
            await to_thread.run_sync(assert_balanced, second, third)
            assert await to_thread.run_sync(second.stop) == 0
            assert await to_thread.run_sync(third.stop) == 0
        held = await to_thread.run_sync(listed, tmp_path, config)

    repeated = [key for key, count in target.taken.items() if count > 1]
    assert len(target.taken) == 1_500
    assert len(repeated) <= 8, "only what the dead process had sent and not confirmed: its target's max_concurrency"
    letters = Counter(orjson.loads(line)["id"] for line in (tmp_path / "dead.ndjson").read_bytes().splitlines())
    assert len(letters) == 3
    assert len(held) == 7
    assert {lease["owner"] for lease in held} == {""}
    assert sum(lease["position"] == "SHARD_END" for lease in held) == 3


async def test_a_process_that_was_stopped_for_long_does_nothing_twice(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """A SIGSTOP past every lease: the other takes over, and the sleeper wakes up to find it has lost what it held."""
    stream = await make_stream(roto_clients, shards=4)
    async with hook() as target:
        config = configuration(tmp_path, stream, target.url, roto.endpoint_url)
        with run_daemon(tmp_path, config) as sleeper:
            await to_thread.run_sync(sleeper.wait_for, lambda: sleeper.metric(HELD) == 4, "reading all shards")
            await stream.put(records(0, 600, seed=5))
            with anyio.fail_after(60):
                await target.enough.wait()
            sleeper.process.send_signal(signal.SIGSTOP)
            with run_daemon(tmp_path, config) as other:
                await stream.put(records(600, 1_200, seed=6))
                await to_thread.run_sync(other.wait_for, lambda: other.metric(HELD) == 4, "taken over")
                await wait_until_told(target, 600, other)
                sleeper.process.send_signal(signal.SIGCONT)
                await to_thread.run_sync(
                    sleeper.wait_for, lambda: sleeper.metric(HELD) == other.metric(HELD) == 2, "in balance again"
                )
                lost = sleeper.metric("vigild_kinesis_leases_moved_total", change="lost")
                await to_thread.run_sync(assert_balanced, sleeper, other)
                assert await to_thread.run_sync(other.stop) == 0
            assert await to_thread.run_sync(sleeper.stop) == 0

    assert lost == 4
    assert len(target.taken) == 600
    assert sum(count > 1 for count in target.taken.values()) <= 8, "only what was being sent when the clock stopped"


async def test_an_operator_sees_leases_and_reads_a_stream_anew(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """`leases list`, `show`, `release` and `reset` work beside a running daemon, which knows again what it had told."""
    stream = await make_stream(roto_clients, shards=2)
    async with hook() as target:
        config = configuration(tmp_path, stream, target.url, roto.endpoint_url)
        with run_daemon(tmp_path, config) as process:
            await stream.put(records(0, 100, seed=4))
            await wait_until_told(target, 50, process)
            seen = await to_thread.run_sync(listed, tmp_path, config)
            shard = seen[0]["shard"]
            table = await to_thread.run_sync(leases, tmp_path, config, "list", "events")
            shown = await to_thread.run_sync(leases, tmp_path, config, "show", "events", shard)
            missing = await to_thread.run_sync(leases, tmp_path, config, "show", "events", "shard-x")
            unsure = await to_thread.run_sync(leases, tmp_path, config, "release", "events", shard)
            released = await to_thread.run_sync(leases, tmp_path, config, "release", "events", shard, "--yes")
            received = process.metric("vigild_events_received_total")
            reset = await to_thread.run_sync(
                leases, tmp_path, config, "reset", f"events/{stream.name}", "--to", "TRIM_HORIZON", "--yes"
            )
            await to_thread.run_sync(
                process.wait_for, lambda: process.metric("vigild_events_received_total") >= 2 * received, "read again"
            )
            await to_thread.run_sync(
                process.wait_for, lambda: process.metric("vigild_events_in_flight") == 0, "at rest"
            )
            wrong = await to_thread.run_sync(leases, tmp_path, config, "reset", "events", "--to", "noon", "--yes")
            nowhere = await to_thread.run_sync(leases, tmp_path, config, "release", "evnts", shard, "--yes")
            assert await to_thread.run_sync(process.stop) == 0

    assert len(seen) == 2
    assert all(lease["owner"] for lease in seen)
    assert shard.encode() in table.stdout
    assert orjson.loads(shown.stdout)["shard"] == shard
    assert (shown.returncode, missing.returncode, unsure.returncode) == (0, 1, 1)
    assert released.stdout == b"1 lease(s) released\n"
    assert reset.stdout == b"2 lease(s) set to TRIM_HORIZON\n"
    assert (wrong.returncode, nowhere.returncode) == (2, 2)
    assert b"there are: events" in nowhere.stderr
    assert set(target.taken.values()) == {1}
