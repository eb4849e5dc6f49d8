from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
import pytest
from pydantic import ValidationError

from daemon.clients import AwsClients
from daemon.errors import FailureKind, PermanentError, RetryableError
from daemon.event import Delivery, Framing
from daemon.sources.base import EndOfSource, SourceContext
from daemon.sources.kinesis import KinesisConfig, KinesisSource, Start
from daemon.telemetry import Telemetry
from daemon.telemetry.names import Settlement
from tests.faults import Fault, FaultProxy, answering, cut, dropped, throttled, unavailable
from tests.sources.kinesis.conftest import SourceOf
from tests.sources.running import bodies, counted, killed, receive, running
from tests.sources.streams import Stream, aggregate, make_stream

pytestmark = pytest.mark.anyio

ACKNOWLEDGED, RELEASED = Settlement.ACKNOWLEDGED, Settlement.RELEASED


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%04d" % number for number in range(first, last)]


def shards_of(deliveries: Sequence[Delivery]) -> list[str]:
    """Return each delivery's shard, as its identity has it."""
    return [delivery.identity.split(":")[2] for delivery in deliveries]


async def read_all(source: KinesisSource, count: int) -> list[Delivery]:
    """Receive so many records, acknowledging each batch, and stop in order."""
    deliveries: list[Delivery] = []
    with anyio.fail_after(30):
        async with running(source):
            while len(deliveries) < count:
                batch = await source.receive()
                await source.settle(batch, ACKNOWLEDGED)
                deliveries += batch
    return deliveries


async def test_records_arrive_as_deliveries(stream: Stream, source_of: SourceOf) -> None:
    """A delivery has the record's bytes as they are, and stream, shard and sequence number as its identity."""
    packed = gzip.compress(b"{}")
    await stream.put([packed])
    source = source_of(stream)

    (delivery,) = await read_all(source, 1)

    assert delivery.body == packed
    _, name, shard, sequence = delivery.identity.split(":")
    assert (name, shard in await stream.shards(), sequence.isdigit()) == (stream.name, True, True)
    assert (delivery.source, delivery.attempt, delivery.order_key) == ("events", 1, None)
    assert delivery.framing is Framing.DOCUMENT


async def test_every_record_comes_once_over_restarts(stream: Stream, source_of: SourceOf) -> None:
    """What was acknowledged before an ordered stop is not read again, and what comes after is."""
    await stream.put(numbers(0, 700))
    first = await read_all(source_of(stream, batch_size=100), 700)
    await stream.put(numbers(700, 800))
    second = await read_all(source_of(stream), 100)

    assert bodies(first) == numbers(0, 700)
    assert bodies(second) == numbers(700, 800)


async def test_what_a_crash_leaves_unsettled_is_read_again(stream: Stream, source_of: SourceOf) -> None:
    """After a kill the next process reads on at the last position saved, so at or below the lowest unsettled record."""
    await stream.put(numbers(0, 50), key="one shard")
    doomed = source_of(stream, lease_seconds=1)
    async with killed(doomed):
        deliveries = await receive(doomed, 50)
        await doomed.settle(deliveries[:20] + deliveries[30:], ACKNOWLEDGED)
        await doomed.settle(deliveries[20:21], ACKNOWLEDGED)
        await anyio.sleep(0.6)

    again = await read_all(source_of(stream, lease_seconds=1), 29)

    assert bodies(again) == numbers(21, 50)


async def test_what_is_released_at_the_stop_is_read_again(stream: Stream, source_of: SourceOf) -> None:
    """The position stays below a record that was given back, and the next process need not wait for the lease."""
    await stream.put(numbers(0, 10), key="one shard")
    source = source_of(stream, lease_seconds=300)
    async with running(source):
        deliveries = await receive(source, 10)
        source.quiesce()
        await source.settle(deliveries[:4] + deliveries[5:], ACKNOWLEDGED)
        await source.settle(deliveries[4:5], RELEASED)

    again = await read_all(source_of(stream, lease_seconds=300), 6)

    assert bodies(again) == numbers(4, 10)


async def test_what_is_released_while_running_comes_again_at_once(stream: Stream, source_of: SourceOf) -> None:
    """A record given back in the middle of the day is handed out again, as a second attempt."""
    await stream.put(numbers(0, 3), key="one shard")
    source = source_of(stream)
    async with running(source):
        deliveries = await receive(source, 3)
        await source.settle(deliveries[1:], ACKNOWLEDGED)
        await source.settle(deliveries[:1], RELEASED)
        (again,) = await receive(source, 1)
        await source.settle([again], ACKNOWLEDGED)

    assert (again.body, again.attempt) == (b"0000", 2)
    await stream.put(numbers(3, 4))
    assert bodies(await read_all(source_of(stream), 1)) == numbers(3, 4)


async def test_latest_begins_with_the_first_start(aws: AwsClients, source_of: SourceOf) -> None:
    """Records from before are passed over; none that came since is, though the first process died early."""
    stream = await make_stream(aws)
    await stream.put(["before"])
    await anyio.sleep(1.1)
    async with killed(source_of(stream, start="LATEST", lease_seconds=1)):
        await stream.put(["first"])
    await stream.put(["second"])

    assert bodies(await read_all(source_of(stream, start="LATEST", lease_seconds=1), 2)) == [b"first", b"second"]


async def test_latest_passes_nothing_over_in_shards_that_a_split_makes(stream: Stream, source_of: SourceOf) -> None:
    """Children of shards that were open at the start are read from their first record on."""
    source = source_of(stream, start="LATEST")
    await source.open()
    await source.close()
    await stream.put(numbers(0, 20))
    await stream.split((await stream.open_shards())[0])
    await stream.put(numbers(20, 60))

    assert bodies(await read_all(source_of(stream, start="LATEST"), 60)) == numbers(0, 60)


async def test_a_start_by_time_begins_there(aws: AwsClients, source_of: SourceOf) -> None:
    """AT_TIMESTAMP reads what arrived then or later."""
    stream = await make_stream(aws)
    await stream.put(["before"])
    await anyio.sleep(1.1)
    then = datetime.now(UTC)
    await anyio.sleep(0.1)
    await stream.put(["after"])
    source = source_of(stream, start="AT_TIMESTAMP", start_timestamp=then.replace(microsecond=0))

    assert bodies(await read_all(source, 1)) == [b"after"]


async def test_parents_are_drained_before_children(aws: AwsClients, source_of: SourceOf) -> None:
    """Over a split and a merge during reading, no record of a child comes before its parents are settled to the end."""
    stream = await make_stream(aws, shards=2)
    parents = await stream.open_shards()
    await stream.put(numbers(0, 40))
    source = source_of(stream, batch_size=5)
    async with running(source):
        deliveries = await receive(source, 10)
        await stream.split(parents[0])
        children = [shard for shard in await stream.open_shards() if shard not in parents]
        await stream.merge(children[1], parents[1])
        await stream.put(numbers(40, 80))
        unsettled = deliveries + await receive(source, 30)
        assert set(shards_of(unsettled)) == set(parents)
        assert not await receive(source, 1, seconds=1.5)
        await source.settle(unsettled, ACKNOWLEDGED)
        after = await receive(source, 40, seconds=20)
        await source.settle(after, ACKNOWLEDGED)

    assert bodies(unsettled) + bodies(after) == numbers(0, 80)
    merged = set(await stream.open_shards()) - set(children)
    assert set(shards_of(after)) == {children[0], *merged}


async def test_an_expired_iterator_is_made_anew(
    stream: Stream, source_of: SourceOf, faults: FaultProxy, telemetry: Telemetry
) -> None:
    """Reading goes on after the last record read, nothing twice, nothing left out."""
    await stream.put(numbers(0, 10), key="one shard")
    source = source_of(stream, batch_size=5)
    async with running(source):
        deliveries = await receive(source, 5)
        faults.add("GetRecords", answering(400, {"__type": "ExpiredIteratorException", "message": "too old"}), times=2)
        deliveries += await receive(source, 5)
        await source.settle(deliveries, ACKNOWLEDGED)

    assert [delivery.body for delivery in deliveries] == numbers(0, 10)
    assert counted(telemetry, "kinesis_iterators_expired_total", "events") == 2


async def test_throttling_slows_reading_down_and_fails_nothing(
    stream: Stream, source_of: SourceOf, faults: FaultProxy, telemetry: Telemetry
) -> None:
    """A shard that is read too often, by whomever, rests and goes on; the source stays well."""
    await stream.put(numbers(0, 5), key="one shard")
    source = source_of(stream)
    exceeded = {"__type": "ProvisionedThroughputExceededException", "message": "Rate exceeded for shard"}
    faults.add("GetRecords", answering(400, exceeded), times=2)
    faults.add("GetShardIterator", throttled(), times=1)

    assert bodies(await read_all(source, 5)) == numbers(0, 5)
    assert counted(telemetry, "kinesis_reads_throttled_total", "events") == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (unavailable(), FailureKind.SERVER_ERROR),
        (dropped(), FailureKind.UNREACHABLE),
        (cut(), FailureKind.UNREACHABLE),
        (answering(400, {"__type": "AccessDeniedException", "message": "no"}), FailureKind.ACCESS_DENIED),
        (answering(400, {"__type": "KMSDisabledException", "message": "no"}), FailureKind.REFUSED),
        (answering(200, {"hello": "proxy"}), FailureKind.SERVER_ERROR),
    ],
)
async def test_a_failed_read_says_why_and_the_next_one_works(
    fault: Fault, kind: FailureKind, aws: AwsClients, source_of: SourceOf, faults: FaultProxy
) -> None:
    """What is wrong with the stream is raised for the pipeline to show; no record is passed over."""
    stream = await make_stream(aws)
    await stream.put(numbers(0, 5))
    source = source_of(stream)
    async with running(source):
        faults.add("GetRecords", fault, times=1)
        with pytest.raises((RetryableError, PermanentError)) as failure:
            await receive(source, 5)
        deliveries = await receive(source, 5)
        await source.settle(deliveries, ACKNOWLEDGED)

    assert failure.value.kind is kind
    assert bodies(deliveries) == numbers(0, 5)


async def test_the_word_of_one_odd_answer_does_not_end_a_shard(
    aws: AwsClients, source_of: SourceOf, faults: FaultProxy
) -> None:
    """An answer without a next iterator ends a shard only where the listing says that it is closed."""
    stream = await make_stream(aws)
    source = source_of(stream)
    faults.add("GetRecords", answering(200, {"Records": [], "MillisBehindLatest": 0}), times=1)
    async with running(source):
        await receive(source, 1, seconds=1)
        await stream.put(["later"])
        deliveries = await receive(source, 1)
        await source.settle(deliveries, ACKNOWLEDGED)

    assert bodies(deliveries) == [b"later"]


async def test_a_stream_that_is_not_there_stops_open(stream: Stream, source_of: SourceOf) -> None:
    """Open and check say that there is no such stream."""
    await stream.client.delete_stream(StreamName=stream.name)
    source = source_of(stream)

    for call in (source.open, source.check):
        with pytest.raises(PermanentError) as missing:
            await call()
        assert missing.value.kind is FailureKind.NOT_FOUND


async def test_aggregates_are_taken_apart(stream: Stream, source_of: SourceOf) -> None:
    """Each user record of a KPL aggregate is a delivery of its own; a broken one comes as it is."""
    broken = aggregate([("a", b"one")], digest=bytes(16))
    await stream.put([aggregate([("a", b"one"), ("b", b"two")]), b"plain", broken], key="one shard")
    source = source_of(stream)

    deliveries = await read_all(source, 4)

    assert [delivery.body for delivery in deliveries] == [b"one", b"two", b"plain", broken]
    sequences = [delivery.identity.split(":")[3:] for delivery in deliveries]
    assert [sequence[1:] for sequence in sequences] == [["0"], ["1"], [], []]
    assert len({tuple(sequence) for sequence in sequences}) == 4
    await stream.put(["next"])
    assert bodies(await read_all(source_of(stream), 1)) == [b"next"]


async def test_ordered_records_wait_for_those_before(aws: AwsClients, source_of: SourceOf) -> None:
    """With `ordered` a shard is read on only when all it gave is settled; records of one key share an order_key."""
    stream = await make_stream(aws)
    await stream.put(numbers(0, 4), key="k")
    source = source_of(stream, ordered=True, batch_size=2)
    async with running(source):
        first = await receive(source, 2)
        await source.settle(first[:1], ACKNOWLEDGED)
        assert not await receive(source, 1, seconds=0.6)
        await source.settle(first[1:], ACKNOWLEDGED)
        second = await receive(source, 2)
        await source.settle(second, ACKNOWLEDGED)

    assert [delivery.body for delivery in first + second] == numbers(0, 4)
    assert len({delivery.order_key for delivery in first + second}) == 1
    assert first[0].order_key


async def test_quiesce_ends_receiving_and_hands_over_what_is_idle(stream: Stream, source_of: SourceOf) -> None:
    """After quiesce receive ends; another process takes shards with nothing in hand even before the flush."""
    await stream.put(numbers(0, 3), key="one shard")
    stopping, other = source_of(stream, lease_seconds=300), source_of(stream, lease_seconds=300)
    async with running(stopping):
        deliveries = await receive(stopping, 3)
        stopping.quiesce()
        with pytest.raises(EndOfSource):
            await stopping.receive()
        idle = next(shard for shard in await stream.shards() if shard != shards_of(deliveries)[0])
        async with running(other):
            await stream.put([str(number) for number in range(20)])
            assert set(shards_of(await receive(other, 1))) == {idle}
            other.quiesce()
        await stopping.settle(deliveries, ACKNOWLEDGED)


async def test_the_lag_grows_while_nobody_reads(
    stream: Stream, source_of: SourceOf, context: SourceContext, telemetry: Telemetry
) -> None:
    """A full memory keeps a shard from being read: that it falls behind shows all the same."""
    await stream.put(numbers(0, 3), key="one shard")
    source = source_of(stream)
    async with running(source):
        await source.settle(await receive(source, 3), ACKNOWLEDGED)
        later = context.clock.monotonic() + 600
        assert max(holding.reading.behind_ms(later) or 0 for holding in source._keeper.held.values()) >= 599_000
        with anyio.fail_after(10):
            while counted(telemetry, "kinesis_behind_latest_seconds", "events") < 1.0:
                await source._keeper.round()
                await anyio.sleep(0.1)


async def test_check_reaches_the_stream(stream: Stream, source_of: SourceOf, faults: FaultProxy) -> None:
    """Check does what reading does, once, and says how many shards there are."""
    await stream.put(numbers(0, 3))
    await stream.split((await stream.open_shards())[0])
    faults.seen.clear()

    assert await source_of(stream).check() == "3 open shards, 1 closed"
    assert faults.seen == ["ListShards", "GetShardIterator", "GetRecords"]
    assert bodies(await read_all(source_of(stream), 3)) == numbers(0, 3)


async def test_a_stream_is_found_by_arn(stream: Stream, context: SourceContext) -> None:
    """With stream_arn name and region are taken from it."""
    summary = await stream.client.describe_stream_summary(StreamName=stream.name)
    arn = summary["StreamDescriptionSummary"]["StreamARN"]
    await stream.put(["a"])
    config = KinesisConfig(stream_arn=arn, start=Start.TRIM_HORIZON)
    source = KinesisSource("events", config, context)

    (delivery,) = await read_all(source, 1)

    assert delivery.identity.startswith(f"kinesis:{stream.name}:")


def test_config_wants_exactly_one_address_and_a_sensible_start() -> None:
    """Neither or both addresses, a start without its time, and numbers out of Kinesis's bounds are refused."""
    arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/events"
    assert KinesisConfig(stream_arn=arn).stream == "events"
    for wrong in (
        {},
        {"stream_name": "events", "stream_arn": arn},
        {"stream_arn": "events"},
        {"stream_name": "events", "start": "AT_TIMESTAMP"},
        {"stream_name": "events", "start_timestamp": "2026-01-01T00:00:00Z"},
        {"stream_name": "events", "start": "AT_TIMESTAMP", "start_timestamp": "2026-01-01T00:00:00"},
        {"stream_name": "events", "batch_size": 10_001},
        {"stream_name": "events", "least_poll_seconds": 0.1},
        {"stream_name": "events", "dead_letter": "redrive"},
    ):
        with pytest.raises(ValidationError):
            KinesisConfig.model_validate(wrong)
