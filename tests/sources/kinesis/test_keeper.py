"""The lease protocol on every state store: several workers of one stream, whose clock the test winds."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from daemon.clients import AwsClients
from daemon.sources.base import SourceContext
from daemon.sources.kinesis import KinesisConfig
from daemon.sources.kinesis.checkpoints import SHARD_END, TRIM_HORIZON, At, Position
from daemon.sources.kinesis.discovery import Discovery
from daemon.sources.kinesis.keeper import Keeper, Member
from daemon.sources.kinesis.lease_table import LeaseTable
from daemon.sources.kinesis.leases import Lease, Terms
from daemon.sources.kinesis.reading import Reading
from daemon.sources.kinesis.stream_calls import StreamCalls
from daemon.state.base import StateStore, Write
from daemon.telemetry import Telemetry
from daemon.telemetry.names import LeaseChange
from tests.clocks import HandWound
from tests.faults import FaultProxy, answering
from tests.sources.running import counted
from tests.sources.streams import Stream, make_stream
from tests.stores import KINDS, opened

pytestmark = pytest.mark.anyio

TERMS = Terms(lease_seconds=20, most_steals=2)
WorkerOf = Callable[[str], Keeper]


@pytest.fixture
def clock() -> HandWound:
    """Return a clock far ahead of the emulators', which forget by their own."""
    return HandWound(4_000_000_000.0)


# moto is ten times slower, and the stores' own tests show that no answer of it differs.
@pytest.fixture(params=[kind for kind in KINDS if not kind.endswith("moto")])
async def store(tmp_path: Path, clock: HandWound, request: pytest.FixtureRequest) -> AsyncIterator[StateStore]:
    async with opened(request.param, tmp_path, clock, request) as store:
        yield store


@pytest.fixture
async def stream(aws: AwsClients) -> Stream:
    return await make_stream(aws, shards=4)


@pytest.fixture
def table(store: StateStore, clock: HandWound, stream: Stream) -> LeaseTable:
    return LeaseTable(store, clock, "tests", stream.name)


@pytest.fixture
def worker_of(
    stream: Stream, table: LeaseTable, store: StateStore, clock: HandWound, aws: AwsClients, telemetry: Telemetry
) -> WorkerOf:
    """Return a function that makes a worker of the stream."""
    config = KinesisConfig(stream_name=stream.name)
    context = SourceContext(telemetry, clock, random.Random(0), aws, store)
    calls = StreamCalls(aws, config.address)

    def begin(shard: str, position: Position) -> Reading:
        return Reading(shard, position, calls, config, context, "events")

    def make(name: str) -> Keeper:
        discovery = Discovery("events", TRIM_HORIZON, table, calls, context)
        return Keeper(Member("events", name, TERMS), table, discovery, begin, context)

    return make


async def started(worker_of: WorkerOf, *names: str) -> list[Keeper]:
    workers = [worker_of(name) for name in names]
    for worker in workers:
        await list_shards(worker)
    return workers


async def list_shards(worker: Keeper) -> None:
    await worker._discovery.list()
    worker.listed()


async def rounds(clock: HandWound, *workers: Keeper, times: int = 1) -> None:
    """Let each worker hold its rounds, five seconds apart."""
    for _ in range(times):
        for worker in workers:
            await worker.round()
        clock.time += 5


def loads(*workers: Keeper) -> list[int]:
    return [len(worker.held) for worker in workers]


def progress(worker: Keeper, shard: str, sequence: str) -> None:
    """Let a worker read and settle a record."""
    checkpoint = worker.held[shard].reading.checkpoint
    checkpoint.settle(checkpoint.hand_out(sequence, 1))


async def test_one_worker_reads_everything(worker_of: WorkerOf, clock: HandWound, table: LeaseTable) -> None:
    """Alone, a worker takes each shard in its first round, and its renewals save the positions."""
    (alone,) = await started(worker_of, "alone")
    await rounds(clock, alone)
    shards = sorted(alone.held)
    progress(alone, shards[0], "17")
    await rounds(clock, alone)

    saved = await table.read(shards)
    assert len(shards) == 4
    assert saved[shards[0]].lease.position == Position(At.AFTER, "17")
    assert {seen.lease.position for seen in list(saved.values())[1:]} == {TRIM_HORIZON}
    assert {seen.lease.owner for seen in saved.values()} == {"alone"}


async def test_newcomers_get_their_share_with_the_last_positions(
    worker_of: WorkerOf, clock: HandWound, telemetry: Telemetry
) -> None:
    """Two who start later are handed shards, each at the position its owner had reached; nobody waits for an expiry."""
    first, second, third = await started(worker_of, "first", "second", "third")
    await rounds(clock, first)
    for number, shard in enumerate(sorted(first.held)):
        progress(first, shard, str(number))
    await rounds(clock, first, second, third, times=4)

    assert sorted(loads(first, second, third)) == [1, 1, 2]
    held = {**first.held, **second.held, **third.held}
    positions = [held[shard].reading.checkpoint.position for shard in sorted(held)]
    assert positions == [Position(At.AFTER, str(number)) for number in range(4)]
    before = counted(telemetry, "kinesis_leases_moved_total", "events")
    await rounds(clock, first, second, third, times=5)
    assert counted(telemetry, "kinesis_leases_moved_total", "events") == before


async def test_an_owner_settles_what_it_has_in_hand_before_it_hands_over(worker_of: WorkerOf, clock: HandWound) -> None:
    """A shard that is asked for is not read on, but stays until its records are settled: no record is read twice."""
    first, second = await started(worker_of, "first", "second")
    await rounds(clock, first)
    marks = {shard: holding.reading.checkpoint.hand_out("5", 1) for shard, holding in first.held.items()}
    readings = {shard: holding.reading for shard, holding in first.held.items()}
    await rounds(clock, second, first, second, first)

    assert loads(first, second) == [4, 0]
    stopped = [shard for shard, reading in readings.items() if reading.stopped]
    assert len(stopped) == 2
    for shard, mark in marks.items():
        readings[shard].checkpoint.settle(mark)
    await rounds(clock, first, second)
    assert sorted(second.held) == sorted(stopped)
    assert {h.reading.checkpoint.position for h in second.held.values()} == {Position(At.AFTER, "5")}


async def test_a_slow_target_does_not_keep_a_lease_for_ever(worker_of: WorkerOf, clock: HandWound) -> None:
    """After a lease's length the owner hands over unsettled records, too: they are read again."""
    first, second = await started(worker_of, "first", "second")
    await rounds(clock, first)
    for holding in first.held.values():
        holding.reading.checkpoint.hand_out("5", 1)
    await rounds(clock, first, second, times=7)

    assert loads(first, second) == [2, 2]
    assert {h.reading.checkpoint.position for h in second.held.values()} == {TRIM_HORIZON}


async def test_an_asker_that_stops_takes_its_request_back(
    worker_of: WorkerOf, clock: HandWound, table: LeaseTable
) -> None:
    """The owner reads on, and nothing is handed to a process that is gone."""
    first, second = await started(worker_of, "first", "second")
    await rounds(clock, first)
    for holding in first.held.values():
        holding.reading.checkpoint.hand_out("5", 1)
    await rounds(clock, second, first)
    await second.leave()
    await rounds(clock, first)

    assert not any(holding.reading.stopped for holding in first.held.values())
    assert {seen.lease.wanted_by for seen in (await table.read(first.held)).values()} == {""}
    shards = sorted(first.held)
    await first.leave()
    assert [seen.lease.owner for seen in (await table.read(shards)).values()] == ["", "", "", ""]


async def test_what_was_handed_to_an_asker_that_stops_is_free(
    worker_of: WorkerOf, clock: HandWound, table: LeaseTable, stream: Stream
) -> None:
    """A lease that arrives in the moment of the stop does not wait for its expiry."""
    first, second = await started(worker_of, "first", "second")
    await rounds(clock, first, second, first)
    assert loads(first, second) == [2, 0]
    await second.leave()
    await rounds(clock, first)

    assert loads(first) == [4]
    assert {seen.lease.owner for seen in (await table.read(await stream.open_shards())).values()} == {"first"}


async def test_a_stop_hands_over_at_once(worker_of: WorkerOf, clock: HandWound) -> None:
    """Another worker's next round takes the shards, at positions below what was still in hand."""
    first, second = await started(worker_of, "first", "second")
    await rounds(clock, first)
    shard = min(first.held)
    progress(first, shard, "8")
    first.held[shard].reading.checkpoint.hand_out("9", 1)
    await first.leave()
    await rounds(clock, second)

    assert loads(first, second) == [0, 4]
    assert second.held[shard].reading.checkpoint.position == Position(At.AFTER, "8")


async def test_a_dead_workers_shards_are_taken_over_when_its_leases_lapse(
    worker_of: WorkerOf, clock: HandWound
) -> None:
    """After a crash the survivor takes them once they have stood still for a lease's length, and not before."""
    dead, survivor = await started(worker_of, "dead", "survivor")
    await rounds(clock, dead)
    await rounds(clock, survivor, times=5)
    assert loads(survivor) == [0]
    await rounds(clock, survivor)

    assert loads(survivor) == [4]


async def test_a_paused_owner_stops_and_cannot_save_a_position(
    worker_of: WorkerOf, clock: HandWound, table: LeaseTable, telemetry: Telemetry
) -> None:
    """Whoever slept through its leases reads nothing more, and its writes change nothing that the new owner has."""
    paused, survivor = await started(worker_of, "paused", "survivor")
    await rounds(clock, paused)
    shards = sorted(paused.held)
    readings = [paused.held[shard].reading for shard in shards]
    assert all(reading.due(clock.monotonic()) for reading in readings)
    await rounds(clock, survivor, times=6)
    progress(survivor, shards[0], "3")
    await rounds(clock, survivor)

    assert not any(reading.due(clock.monotonic()) for reading in readings)
    progress(paused, shards[0], "999")
    await paused.round()
    assert loads(paused, survivor) == [0, 4]
    saved = await table.read(shards)
    assert saved[shards[0]].lease.position == Position(At.AFTER, "3")
    assert {seen.lease.owner for seen in saved.values()} == {"survivor"}
    moved = {labels["change"]: value for labels, value in telemetry.metrics.values("kinesis_leases_moved_total")}
    assert moved[LeaseChange.LOST] == 4


async def test_a_paused_owner_keeps_what_nobody_took(worker_of: WorkerOf, clock: HandWound) -> None:
    """A pause during which nobody looked costs nothing but the pause."""
    (paused,) = await started(worker_of, "paused")
    await rounds(clock, paused)
    clock.time += 120
    reading = paused.held[min(paused.held)].reading
    assert not reading.due(clock.monotonic())
    await paused.round()

    assert loads(paused) == [4]
    assert reading.due(clock.monotonic())


async def test_one_of_fifty_gets_each_lease(worker_of: WorkerOf, table: LeaseTable) -> None:
    """Fifty workers that start in the same moment agree on one owner for each shard."""
    workers = await started(worker_of, *(f"worker-{number}" for number in range(50)))
    async with anyio.create_task_group() as tasks:
        for worker in workers:
            tasks.start_soon(worker.round)

    owners = [(shard, number) for number, worker in enumerate(workers) for shard in worker.held]
    assert len(owners) == 4
    saved = await table.read([shard for shard, _ in owners])
    assert {shard: seen.lease.owner for shard, seen in saved.items()} == {s: f"worker-{n}" for s, n in owners}


async def test_of_two_who_start_a_stream_the_first_one_says_where(
    worker_of: WorkerOf, table: LeaseTable, clock: HandWound
) -> None:
    """A later worker with another start keeps to the start that is written down."""
    (first,) = await started(worker_of, "first")
    assert await table.start(Position(At.AT_TIMESTAMP, timestamp=5.0)) == TRIM_HORIZON
    await rounds(clock, first)

    assert {holding.lease.position for holding in first.held.values()} == {TRIM_HORIZON}


async def test_an_operators_reset_takes_the_lease_away(
    worker_of: WorkerOf, clock: HandWound, table: LeaseTable
) -> None:
    """Whoever holds a shard that is set back loses it, whatever it was about to save; reading begins anew there."""
    (worker,) = await started(worker_of, "worker")
    await rounds(clock, worker)
    shard = min(worker.held)
    progress(worker, shard, "77")
    (seen,) = (await table.read([shard])).values()
    await table.write({shard: (seen.lease.reset(Position(At.AFTER, "5")), seen.version)})
    old = worker.held[shard].reading
    await rounds(clock, worker, times=2)

    assert old.stopped
    assert worker.held[shard].reading is not old
    assert worker.held[shard].reading.checkpoint.position == Position(At.AFTER, "5")


async def test_children_are_taken_when_their_parents_have_ended(
    worker_of: WorkerOf, clock: HandWound, table: LeaseTable, stream: Stream
) -> None:
    """A worker that has settled a closed shard writes its end, and then the children's turn comes."""
    (worker,) = await started(worker_of, "worker")
    await rounds(clock, worker)
    parent = min(worker.held)
    await stream.split(parent)
    children = set(await stream.open_shards()) - set(worker.held)
    await list_shards(worker)
    await rounds(clock, worker)
    assert not children & set(worker.held)
    reading = worker.held[parent].reading
    mark = reading.checkpoint.hand_out("5", 1)
    reading.ended = True
    await rounds(clock, worker)
    assert parent in worker.held
    reading.checkpoint.settle(mark)
    await rounds(clock, worker)

    assert children <= set(worker.held)
    assert parent not in worker.held
    assert (await table.read([parent]))[parent].lease.position == SHARD_END


async def test_a_shard_that_vanishes_is_given_up_and_said(
    worker_of: WorkerOf, clock: HandWound, table: LeaseTable, faults: FaultProxy, telemetry: Telemetry
) -> None:
    """A shard that AWS neither lists nor knows any more lost its records to retention: said, and its children go on."""
    (worker,) = await started(worker_of, "worker")
    await rounds(clock, worker)
    shard = min(worker.held)
    worker.held[shard].reading.missing = True
    faults.add("ListShards", answering(200, {"Shards": []}), times=1)
    await list_shards(worker)
    await rounds(clock, worker)

    assert counted(telemetry, "kinesis_shards_vanished_total", "events") == 1
    assert (await table.read([shard]))[shard].lease.ended
    assert len(worker.held) == 3


@pytest.mark.parametrize("value", [b"{}", b"\xff"])
async def test_a_lease_that_nobody_can_read_holds_up_no_other(
    worker_of: WorkerOf, clock: HandWound, store: StateStore, stream: Stream, value: bytes, telemetry: Telemetry
) -> None:
    """Bytes of another program under a lease's key cost that shard, once said, until an operator sets it back."""
    (worker,) = await started(worker_of, "worker")
    await rounds(clock, worker)
    shard, *others = sorted(worker.held)
    await store.put([Write(f"lease/tests/{stream.name}/{shard}", value, None)])
    await rounds(clock, worker, times=3)
    assert sorted(worker.held) == others
    assert ({"kind": "lease"}, 1) in list(telemetry.metrics.values("state_items_unreadable_total"))

    table = LeaseTable(store, clock, "tests", stream.name)
    assert [name async for name, _ in table.all()] == others
    assert await table.change([shard], lambda lease: lease.reset(TRIM_HORIZON), Lease(TRIM_HORIZON)) == [shard]
    await rounds(clock, worker, times=2)
    assert sorted(worker.held) == [shard, *others]


async def test_all_leases_of_a_stream_can_be_listed(
    worker_of: WorkerOf, clock: HandWound, table: LeaseTable, stream: Stream
) -> None:
    """What the command line shows is every lease, by shard."""
    (worker,) = await started(worker_of, "worker")
    await rounds(clock, worker)

    assert [shard async for shard, _ in table.all()] == sorted(await stream.open_shards())
