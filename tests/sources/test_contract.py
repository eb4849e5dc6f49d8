"""What base.Source promises, run on each source there is; to add one: how to fill what it reads, and how to make it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from daemon.clients import AwsClients
from daemon.event import Delivery
from daemon.sources import SOURCES, Source, SourceContext, build
from daemon.sources.base import EndOfSource
from daemon.sources.file import FileConfig
from daemon.sources.kinesis import KinesisConfig, Start
from daemon.sources.sqs import SqsConfig
from daemon.telemetry.names import Settlement
from tests.sources.queues import make_queue
from tests.sources.running import killed, running
from tests.sources.streams import make_stream

pytestmark = pytest.mark.anyio

ACKNOWLEDGED, RELEASED = Settlement.ACKNOWLEDGED, Settlement.RELEASED
EVENTS = [b'{"number":%d}' % number for number in range(25)]


@dataclass(frozen=True, slots=True)
class Bench:
    """A place that holds events, and sources that read it one after the other, as processes of one daemon do."""

    put: Callable[[Sequence[bytes]], Awaitable[None]]
    make: Callable[[], Source]


async def file_bench(folder: Path, _: AwsClients, context: SourceContext) -> Bench:
    await anyio.Path(folder).mkdir()

    async def put(events: Sequence[bytes]) -> None:
        path = anyio.Path(folder / f"{uuid.uuid4()}.ndjson")
        await path.write_bytes(b"".join(event + b"\n" for event in events))

    config = FileConfig(paths=(str(folder),))
    return Bench(put, lambda: build("events", config, context))


async def sqs_bench(_: Path, aws: AwsClients, context: SourceContext) -> Bench:
    queue = await make_queue(aws, visibility_seconds=1)
    config = SqsConfig(queue_url=queue.url, wait_seconds=1)
    return Bench(
        lambda events: queue.send([event.decode() for event in events]), lambda: build("events", config, context)
    )


async def kinesis_bench(_: Path, aws: AwsClients, context: SourceContext) -> Bench:
    stream = await make_stream(aws, shards=2)
    config = KinesisConfig(stream_name=stream.name, start=Start.TRIM_HORIZON, lease_seconds=1)
    return Bench(stream.put, lambda: build("events", config, context))


BENCHES = {"file": file_bench, "kinesis": kinesis_bench, "sqs": sqs_bench}


@pytest.fixture(params=BENCHES)
async def bench(request: pytest.FixtureRequest, tmp_path: Path, aws: AwsClients, context: SourceContext) -> Bench:
    return await BENCHES[request.param](tmp_path / "events", aws, context)


async def receive(source: Source, events: int) -> list[Delivery]:
    """Receive until so many events are there."""
    deliveries: list[Delivery] = []
    with anyio.fail_after(20):
        while len(events_in(deliveries)) < events:
            deliveries += await source.receive()
    return deliveries


def events_in(deliveries: Sequence[Delivery]) -> list[bytes]:
    """Return the events that came, in order of their numbers."""
    found = [line for delivery in deliveries for line in delivery.body.splitlines()]
    return sorted(found, key=lambda event: int(event[10:-1]))


def test_every_source_has_its_bench() -> None:
    """A source that is added without one is not held to the promises."""
    assert set(BENCHES) == set(SOURCES)


async def test_what_is_acknowledged_never_comes_again(bench: Bench) -> None:
    """Each event comes, and after an ordered stop the next process gets only what is new."""
    await bench.put(EVENTS[:20])
    first = bench.make()
    async with running(first):
        before = await receive(first, 20)
        await first.settle(before, ACKNOWLEDGED)
    await bench.put(EVENTS[20:])
    second = bench.make()
    async with running(second):
        after = await receive(second, 5)
        await second.settle(after, ACKNOWLEDGED)

    assert events_in(before) == EVENTS[:20]
    assert events_in(after) == EVENTS[20:]


async def test_what_is_released_comes_again(bench: Bench) -> None:
    """Deliveries given back are handed out once more, to the same process."""
    await bench.put(EVENTS)
    source = bench.make()
    async with running(source):
        await source.settle(await receive(source, len(EVENTS)), RELEASED)
        again = await receive(source, len(EVENTS))
        await source.settle(again, ACKNOWLEDGED)

    assert events_in(again) == EVENTS
    assert all(delivery.attempt > 1 for delivery in again)


async def test_what_is_released_by_the_stop_comes_to_the_next_process(bench: Bench) -> None:
    """Deliveries given back between quiesce and close are not lost."""
    await bench.put(EVENTS)
    first = bench.make()
    async with running(first):
        deliveries = await receive(first, len(EVENTS))
        first.quiesce()
        await first.settle(deliveries, RELEASED)
    second = bench.make()
    async with running(second):
        again = await receive(second, len(EVENTS))
        await second.settle(again, ACKNOWLEDGED)

    assert events_in(again) == EVENTS


async def test_what_a_kill_leaves_unsettled_comes_to_the_next_process(bench: Bench) -> None:
    """Nothing that was received and not settled is lost with the process."""
    await bench.put(EVENTS)
    doomed = bench.make()
    async with killed(doomed):
        await receive(doomed, len(EVENTS))
    survivor = bench.make()
    async with running(survivor):
        again = await receive(survivor, len(EVENTS))
        await survivor.settle(again, ACKNOWLEDGED)

    assert events_in(again) == EVENTS


async def test_settling_again_is_harmless(bench: Bench) -> None:
    """A stop that is cancelled in the middle of settling tells the source once more."""
    await bench.put(EVENTS)
    source = bench.make()
    async with running(source):
        deliveries = await receive(source, len(EVENTS))
        await source.settle(deliveries, ACKNOWLEDGED)
        await source.settle(deliveries, ACKNOWLEDGED)
    await bench.put([b'{"number":99}'])
    second = bench.make()
    async with running(second):
        after = await receive(second, 1)
        await second.settle(after, ACKNOWLEDGED)

    assert events_in(after) == [b'{"number":99}']


async def test_a_receive_that_is_cancelled_loses_nothing(bench: Bench) -> None:
    """Cut off at whatever point, calls under way leave their events to the next."""
    await bench.put(EVENTS)
    source = bench.make()
    deliveries: list[Delivery] = []
    async with running(source):
        for milliseconds in range(0, 40, 2):
            with anyio.move_on_after(milliseconds / 1000):
                deliveries += await source.receive()
        with anyio.fail_after(20):
            while set(events_in(deliveries)) != set(EVENTS):
                deliveries += await source.receive()
        await source.settle(deliveries, ACKNOWLEDGED)

    assert len({id(delivery) for delivery in deliveries}) == len(deliveries)


async def test_quiesce_ends_receiving(bench: Bench) -> None:
    """After quiesce the next receive says that it is over, for every receiver."""
    await bench.put(EVENTS)
    source = bench.make()
    async with running(source):
        deliveries = await receive(source, len(EVENTS))
        await source.settle(deliveries, ACKNOWLEDGED)
        source.quiesce()
        for _ in range(source.receivers):
            with pytest.raises(EndOfSource):
                await source.receive()


async def test_check_consumes_nothing(bench: Bench) -> None:
    """Check answers with a line and leaves every event where it is."""
    await bench.put(EVENTS)
    checked = bench.make()
    assert len((await checked.check()).splitlines()) == 1
    await checked.close()
    source = bench.make()
    async with running(source):
        deliveries = await receive(source, len(EVENTS))
        await source.settle(deliveries, ACKNOWLEDGED)

    assert events_in(deliveries) == EVENTS
