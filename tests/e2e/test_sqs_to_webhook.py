"""The promises, from the outside: real daemon processes between an emulated queue and a webhook."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.processes import DaemonProcess, run_daemon
from tests.e2e.watching import alerting, assert_balanced, event, hook
from tests.emulators import Emulator

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(300)]

MALFORMED = [b"", b"{", b"[1]", b'{"detail-type":"x","detail":5}', b"not json", b"H4sIbroken"]


def messages(count: int, seed: int) -> list[bytes]:
    """Return `count` bodies in random order: 20 % repeats, 1 % malformed, the others distinct events."""
    rng = random.Random(seed)
    malformed, repeats = count // 100, count // 5
    distinct = [event(number, rng) for number in range(count - malformed - repeats)]
    bodies = distinct + rng.choices(distinct, k=repeats) + [rng.choice(MALFORMED) or b" " for _ in range(malformed)]
    rng.shuffle(bodies)
    return bodies


async def send_all(client: Any, queue: str, bodies: list[bytes]) -> None:
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(i), "MessageBody": body.decode()} for i, body in enumerate(bodies[start : start + 10])]
        answer = await client.send_message_batch(QueueUrl=queue, Entries=entries)
        assert not answer.get("Failed")


async def depth(client: Any, queue: str) -> tuple[int, int]:
    """Return how many messages are visible and how many are in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = await client.get_queue_attributes(QueueUrl=queue, AttributeNames=names)
    return tuple(int(answer["Attributes"][name]) for name in names)  # type: ignore[return-value]


async def wait_until_empty(client: Any, queue: str, *processes: DaemonProcess) -> None:
    with anyio.fail_after(180):
        while await depth(client, queue) != (0, 0):
            assert all(process.process.poll() is None for process in processes), processes[0].log_text()[-3000:]
            await anyio.sleep(0.2)


async def make_queue(client: Any, name: str, visibility_seconds: int = 30) -> str:
    attributes = {"VisibilityTimeout": str(visibility_seconds)}
    return str((await client.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"])


def configuration(folder: Path, queue: str, url: str, endpoint: str) -> dict[str, Any]:
    source = {"type": "sqs", "queue_url": queue, "receivers": 2, "wait_seconds": 2}
    return alerting(folder, {"queue": source}, url, endpoint)


async def test_two_processes_do_every_intent_once(tmp_path: Path, roto: Emulator, roto_clients: AwsClients) -> None:
    """10,000 messages with repeats and rubbish: each intent once, rubbish parked, queue empty, books balanced."""
    client = await roto_clients.client("sqs")
    queue = await make_queue(client, f"once-{tmp_path.name}")
    bodies = messages(10_000, seed=7)
    async with hook() as target:
        config = configuration(tmp_path, queue, target.url, roto.endpoint_url)
        with run_daemon(tmp_path, config) as first, run_daemon(tmp_path, config) as second:
            await to_thread.run_sync(first.wait_until_ready)
            await to_thread.run_sync(second.wait_until_ready)
            await send_all(client, queue, bodies)
            await wait_until_empty(client, queue, first, second)
            totals = await to_thread.run_sync(assert_balanced, first, second)
            assert await to_thread.run_sync(first.stop) == 0
            assert await to_thread.run_sync(second.stop) == 0

    letters = [orjson.loads(line) for line in (tmp_path / "dead.ndjson").read_bytes().splitlines()]
    assert set(target.taken.values()) == {1}
    assert len(target.taken) == 7_900 // 2 == totals["matched"]
    assert sum(totals.values()) == 10_000
    assert totals["rejected"] == len(letters) == 100
    assert {letter["reason"] for letter in letters} <= {
        "empty",
        "not_json",
        "not_an_object",
        "bad_envelope",
        "bad_gzip",
    }


async def test_nothing_is_lost_to_a_kill_and_a_failing_target(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """One of two processes is killed, the webhook fails for 20 s: every intent arrives, repeats carry the same key."""
    client = await roto_clients.client("sqs")
    queue = await make_queue(client, f"kill-{tmp_path.name}", visibility_seconds=5)
    bodies = messages(4_000, seed=8)
    async with hook() as target:
        config = configuration(tmp_path, queue, target.url, roto.endpoint_url)
        with run_daemon(tmp_path, config) as doomed, run_daemon(tmp_path, config) as survivor:
            await to_thread.run_sync(doomed.wait_until_ready)
            await to_thread.run_sync(survivor.wait_until_ready)
            async with anyio.create_task_group() as group:
                group.start_soon(send_all, client, queue, bodies)
                with anyio.fail_after(60):
                    await target.enough.wait()
                doomed.kill()
                target.failing = True
                await anyio.sleep(20)
                target.failing = False
            await wait_until_empty(client, queue, survivor)
            await to_thread.run_sync(assert_balanced, survivor)
            assert await to_thread.run_sync(survivor.stop) == 0

    repeated = [key for key, count in target.taken.items() if count > 1]
    assert target.refused > 0
    assert len(target.taken) == 3_160 // 2
    assert len(repeated) <= 8, "only what the dead process had sent and not confirmed: its target's max_concurrency"
    assert all(target.taken[key] == 2 for key in repeated)


async def test_a_stop_under_load_gives_messages_back_at_once(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """SIGTERM with a slow target: out within the deadline, and what was in hand is visible in the queue again."""
    client = await roto_clients.client("sqs")
    queue = await make_queue(client, f"stop-{tmp_path.name}", visibility_seconds=600)
    async with hook() as target:
        target.delay_seconds = 2.0
        config = configuration(tmp_path, queue, target.url, roto.endpoint_url)
        await send_all(client, queue, [event(number, random.Random(7)) for number in range(1, 401, 2)])
        with run_daemon(tmp_path, config) as process:
            await to_thread.run_sync(
                process.wait_for, lambda: process.metric("vigild_events_in_flight") > 100, "loaded"
            )
            started = anyio.current_time()
            assert await to_thread.run_sync(process.stop) == 0
            assert anyio.current_time() - started < 3 + 3 + 2

        visible, hidden = await depth(client, queue)
        assert hidden == 0
        assert visible > 100
        assert visible + len(target.taken) >= 200, "a message is back in the queue or its alert was taken"
