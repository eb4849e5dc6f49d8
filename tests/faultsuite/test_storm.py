"""Everything at once: three replicas that share their state in DynamoDB, faults in one of twenty calls, and every few
seconds a kill -9 or a pause.  Nothing is lost, only what these caught between its sending and its confirmation is told
twice, and the books of all who live balance.

`make faults` runs it with 50,000 events a source; VIGILD_FAULT_EVENTS and VIGILD_FAULT_SEED choose others.  The books
of a process die with it, so "exact" is said of two things: each living process's own books, and the end of it all over
processes: every alert at the webhook, every bad message parked, nothing left in the queue or behind a lease.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import orjson
import pytest
from aiohttp import web
from anyio import to_thread

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from tests.e2e.processes import DaemonProcess
from tests.e2e.watching import assert_balanced
from tests.emulators import REGION, Emulator
from tests.faults import FaultProxy
from tests.faultsuite.judging import assert_only_mishaps_repeat
from tests.faultsuite.storm import (
    CONCURRENCY,
    FAULTS,
    SESSION_SECONDS,
    STALLED_SECONDS,
    Fleet,
    Patience,
    Storm,
    Tally,
)
from tests.sources.queues import Queue, make_queue
from tests.sources.streams import Stream, make_stream
from tests.stores import TABLE, dynamodb_at

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(3_000)]

EVENTS = int(os.environ.get("VIGILD_FAULT_EVENTS", "3000"))
SEED = int(os.environ.get("VIGILD_FAULT_SEED", "11"))
SHARE = 0.05
MATCHING = 10
"""One of so many events matches."""
REPEATED = 20
"""One of so many is delivered twice."""
MALFORMED = 100
"""One message in so many is no event."""
PACE, PARTS = 100, 60
"""Into a stream so many records a second, or whatever brings all of them in as many seconds."""
DEPTH = 400
"""The emulators get slow over a deep queue."""

RULES = """
rules:
  - name: stopped
    description: An instance stopped.
    pattern: {source: [aws.ec2], detail: {state: [stopped]}}
"""


def event(number: int) -> bytes:
    state = "stopped" if number % MATCHING == 0 else "running"
    return orjson.dumps(
        {
            "id": str(UUID(int=number)),
            "detail-type": "EC2 Instance State-change Notification",
            "source": "aws.ec2",
            "time": "2026-01-02T03:04:05Z",
            "detail": {"state": state, "instance-id": f"i-{number:x}"},
        }
    )


def messages(rng: random.Random) -> list[bytes]:
    """Return all bodies in the order they are sent: events, repeats, and rubbish."""
    numbers = list(range(EVENTS)) + rng.sample(range(EVENTS), EVENTS // REPEATED)
    rng.shuffle(numbers)
    bodies = [event(number) for number in numbers]
    for number in range(EVENTS // MALFORMED):
        bodies.insert(rng.randrange(len(bodies)), b"no event %d" % number)
    return bodies


@asynccontextmanager
async def tally() -> AsyncIterator[Tally]:
    target = Tally()
    runner = web.ServerRunner(web.Server(target.handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    target.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield target
    await runner.cleanup()


def configuration(folder: Path, source: dict[str, Any], url: str, endpoint: str, namespace: str) -> dict[str, Any]:
    (folder / "rules.yaml").write_text(RULES)
    return {
        "aws": {"region": REGION, "endpoint_url": endpoint, "read_timeout_seconds": 5},
        "sources": {"events": source},
        "rules": [str(folder / "rules.yaml")],
        "targets": {"hook": {"type": "webhook", "url": url, "max_concurrency": CONCURRENCY}},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
        "state": {"type": "dynamodb", "table_name": TABLE, "namespace": namespace},
        "dedupe": {"session_seconds": SESSION_SECONDS},
        "stop": {"poll_grace_seconds": 1, "drain_seconds": 5},
    }


async def weather(
    folder: Path, roto: Emulator, source: dict[str, Any], feed: Callable[[Patience], Awaitable[None]]
) -> tuple[Tally, Fleet, Storm]:
    """Run the fleet through a storm while `feed` sends, until every alert has been told and nothing is in hand."""
    storm, namespace = Storm(SEED, SHARE), uuid.uuid4().hex
    async with (
        tally() as target,
        FaultProxy(roto.endpoint_url) as proxy,
        dynamodb_at(roto.endpoint_url, SystemClock(), namespace),
    ):
        config = configuration(folder, source, target.url, proxy.endpoint_url, namespace)
        with Fleet(folder, config, SEED) as fleet:
            await ready(fleet)
            proxy.add(None, storm.strike)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fleet.suffer, lambda: len(target.told))
                await feed(Patience(fleet.assert_alive))
                patience = Patience(fleet.assert_alive)
                while len(target.told) < EVENTS // MATCHING or not fleet.kills:
                    patience.look(len(target.told))
                    await anyio.sleep(0.2)
                tasks.cancel_scope.cancel()
            proxy.clear()
            await ready(fleet)
            for replica in fleet.replicas:
                await to_thread.run_sync(replica.wait_for, partial(is_at_rest, replica), "at rest", STALLED_SECONDS)
            await to_thread.run_sync(assert_balanced, *fleet.replicas)
            for replica in fleet.replicas:
                assert await to_thread.run_sync(replica.stop, STALLED_SECONDS) == 0
    return target, fleet, storm


def is_at_rest(replica: DaemonProcess) -> bool:
    scrape = replica.scrape()
    return scrape.total("vigild_rules_loaded") > 0 and scrape.total("vigild_events_in_flight") == 0


async def ready(fleet: Fleet) -> None:
    for replica in fleet.replicas:
        await to_thread.run_sync(replica.wait_until_ready, STALLED_SECONDS)


def assert_kept(folder: Path, target: Tally, fleet: Fleet, storm: Storm) -> None:
    """Assert the promises over all processes, dead ones included, and that there was something to keep them against."""
    assert fleet.kills
    assert len(storm.done) == len(FAULTS)
    assert len(target.told) == EVENTS // MATCHING
    repeated, lapses = assert_only_mishaps_repeat(target, fleet)
    letters = {orjson.loads(line)["body"] for line in (folder / "dead.ndjson").read_bytes().splitlines()}
    assert len(letters) == EVENTS // MALFORMED
    print(f"\n{EVENTS} events, seed {SEED}: {fleet.kills} kills, {fleet.pauses} pauses, "
          f"{lapses} lapses, {dict(storm.done)}, "
          f"{repeated} told again")  # fmt: skip


async def test_a_storm_on_sqs(tmp_path: Path, roto: Emulator, roto_clients: AwsClients) -> None:
    """No alert is lost, what a kill or a pause caught comes again under its key, the queue is empty, books balance."""
    queue = await make_queue(roto_clients, visibility_seconds=10)
    source = {"type": "sqs", "queue_url": queue.url, "receivers": 4, "wait_seconds": 2}

    async def feed(patience: Patience) -> None:
        bodies = messages(random.Random(SEED))
        for start in range(0, len(bodies), 100):
            await send(queue, bodies[start : start + 100])
            while sum(depth := await queue.depth()) > DEPTH:
                patience.look((start, depth))
                await anyio.sleep(0.05)
        while (depth := await queue.depth()) != (0, 0):
            patience.look(depth)
            await anyio.sleep(0.2)

    assert_kept(tmp_path, *await weather(tmp_path, roto, source, feed))
    assert await queue.depth() == (0, 0)


async def send(queue: Queue, bodies: list[bytes]) -> None:
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(i), "MessageBody": body.decode()} for i, body in enumerate(bodies[start : start + 10])]
        answer = await queue.client.send_message_batch(QueueUrl=queue.url, Entries=entries)
        assert not answer.get("Failed")


async def test_a_storm_on_kinesis(tmp_path: Path, roto: Emulator, roto_clients: AwsClients) -> None:
    """The same over four shards, of which one is split and two are merged while it blows."""
    stream = await make_stream(roto_clients, shards=4)
    source = {
        "type": "kinesis",
        "stream_name": stream.name,
        "start": "TRIM_HORIZON",
        "batch_size": 500,
        "idle_poll_seconds": 0.3,
        "lease_seconds": 4,
    }

    async def feed(patience: Patience) -> None:
        bodies = messages(random.Random(SEED))
        step = max(PACE, len(bodies) // PARTS + 1)
        parts = [bodies[start : start + step] for start in range(0, len(bodies), step)]
        for number, part in enumerate(parts):
            await stream.put(part)
            patience.look(number)
            await anyio.sleep(1.0)
            if number == len(parts) // 3:
                await split(stream)
            elif number == 2 * len(parts) // 3:
                await merge(stream)

    assert_kept(tmp_path, *await weather(tmp_path, roto, source, feed))


async def split(stream: Stream) -> None:
    await stream.split((await stream.open_shards())[0])


async def merge(stream: Stream) -> None:
    """Merge the two open shards that were there from the beginning and are neighbours."""
    shards = await stream.shards()
    spans = sorted((int(shards[name]["HashKeyRange"]["StartingHashKey"]), name) for name in await stream.open_shards())
    await stream.merge(spans[-2][1], spans[-1][1])
