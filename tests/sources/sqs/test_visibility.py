from __future__ import annotations

import random
from collections.abc import Callable

import anyio
import orjson
import pytest

from daemon.clients import AwsClients
from daemon.sources.base import SourceContext
from daemon.sources.sqs import SqsConfig, SqsSource
from daemon.sources.sqs.queue_calls import QueueAddress, QueueCalls
from daemon.sources.sqs.visibility import Visibility
from daemon.telemetry import Telemetry
from daemon.telemetry.names import Settlement
from tests.clocks import MonotonicByHand
from tests.emulators import Emulator
from tests.faults import FaultProxy, delayed, rewritten, throttled
from tests.sources.queues import Queue, clients_at, make_queue
from tests.sources.running import bodies, counted, receive, running, until

pytestmark = pytest.mark.anyio

EXTEND = "ChangeMessageVisibilityBatch"


def source_of(queue: Queue, context: SourceContext) -> SqsSource:
    return SqsSource("orders", SqsConfig(queue_url=queue.url, wait_seconds=1), context)


@pytest.mark.parametrize("emulator", ["roto", "ministack"])
async def test_work_that_takes_long_stays_hidden(
    emulator: str, request: pytest.FixtureRequest, context: SourceContext, telemetry: Telemetry
) -> None:
    """Over three visibility timeouts nobody else gets the message, and then it is deleted."""
    running_emulator: Emulator = request.getfixturevalue(emulator)
    clients = clients_at(running_emulator.endpoint_url)
    queue = await make_queue(clients, visibility_seconds=2)
    await queue.send(["a"])
    own = SourceContext(telemetry, context.clock, context.rng, clients, context.state)
    source = source_of(queue, own)

    async with running(source):
        (delivery,) = await receive(source, 1)
        for _ in range(2):
            answer = await queue.client.receive_message(QueueUrl=queue.url, WaitTimeSeconds=3)
            assert not answer.get("Messages")
        await source.settle([delivery], Settlement.ACKNOWLEDGED)
        await source.flush()
        assert await queue.depth() == (0, 0)

    assert counted(telemetry, "visibility_extended_total") >= 4
    assert counted(telemetry, "visibility_expired_total") == 0
    assert counted(telemetry, "acknowledgements_lost_total") == 0
    await clients.close()


async def test_more_than_a_batch_stays_hidden(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """Heartbeats are sent for ten messages at a call, and end with the settlement."""
    queue = await make_queue(aws, visibility_seconds=2)
    await queue.send([str(number) for number in range(25)])
    source = source_of(queue, context)

    async with running(source):
        deliveries = await receive(source, 25)
        await until(lambda: counted(telemetry, "visibility_extended_total") >= 50)
        calls = faults.seen.count(EXTEND)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()
        extended = counted(telemetry, "visibility_extended_total")
        await anyio.sleep(1.5)

    assert len(deliveries) == 25
    assert calls <= 10
    assert counted(telemetry, "visibility_extended_total") == extended


async def test_an_expired_message_is_reported_and_left_to_its_redelivery(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """When no extension got through, that is counted once, no delete is tried, and the message comes again."""
    queue = await make_queue(aws, visibility_seconds=2)
    await queue.send(["a"])
    source = source_of(queue, context)
    faults.add(EXTEND, throttled())

    async with running(source):
        (delivery,) = await receive(source, 1)
        await until(lambda: counted(telemetry, "visibility_expired_total") == 1)
        await source.settle([delivery], Settlement.ACKNOWLEDGED)
        await source.flush()
        assert "DeleteMessageBatch" not in faults.seen
        (again,) = await receive(source, 1)
        assert again.attempt == 2
        await source.settle([again], Settlement.ACKNOWLEDGED)

    assert counted(telemetry, "visibility_expired_total") == 1
    assert counted(telemetry, "source_errors_total") >= 2
    assert await queue.depth() == (0, 0)


async def test_a_redelivery_joins_the_work_under_way(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """A message that comes again while in work is not handed out twice; its new handle deletes it."""
    queue = await make_queue(aws, visibility_seconds=2)
    await queue.send(["a"])
    source = source_of(queue, context)
    faults.add(EXTEND, throttled())

    async with running(source):
        (delivery,) = await receive(source, 1)
        await until(lambda: counted(telemetry, "visibility_expired_total") == 1)
        faults.clear()
        assert await receive(source, 1, seconds=2) == []
        await source.settle([delivery], Settlement.ACKNOWLEDGED)
        await source.flush()

    assert counted(telemetry, "messages_repeated_total") == 1
    assert await queue.depth() == (0, 0)


def doubled(change: Callable[[dict[str, str]], dict[str, str]]) -> Callable[[bytes], bytes]:
    """Return what puts a changed copy of every message into an answer."""

    def double(body: bytes) -> bytes:
        answer = orjson.loads(body)
        answer["Messages"] += [change(dict(message)) for message in answer.get("Messages", [])]
        return orjson.dumps(answer)

    return double


async def test_a_message_twice_in_one_answer_is_one_delivery(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """Duplicates inside a batch, with the same or another handle, do not make the batch delete fail."""
    queue = await make_queue(aws)
    await queue.send(["a", "b", "c"])
    source = source_of(queue, context)
    faults.add("ReceiveMessage", rewritten(doubled(lambda message: message)), times=1)

    async with running(source):
        deliveries = await receive(source, 3)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()
        assert await queue.depth() == (0, 0)

    assert bodies(deliveries) == [b"a", b"b", b"c"]
    assert counted(telemetry, "messages_repeated_total") == 3
    assert counted(telemetry, "acknowledgements_lost_total") == 0


async def test_a_slow_extension_is_tried_again_in_time(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """A call that hangs is given up early enough for another one to keep the message hidden."""
    queue = await make_queue(aws, visibility_seconds=4)
    await queue.send(["a"])
    source = source_of(queue, context)
    faults.add(EXTEND, delayed(60), times=1)

    async with running(source):
        (delivery,) = await receive(source, 1)
        await until(lambda: counted(telemetry, "visibility_extended_total") >= 1)
        await source.settle([delivery], Settlement.ACKNOWLEDGED)

    assert counted(telemetry, "source_errors_total") == 1
    assert counted(telemetry, "visibility_expired_total") == 0


async def test_a_refused_entry_does_not_spoil_the_others(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """Of a batch, the entry that SQS could not do is asked for again and the one it refuses is given up."""
    queue = await make_queue(aws, visibility_seconds=2)
    await queue.send(["a", "b", "c"])
    source = source_of(queue, context)

    def refuse_two(_: bytes) -> bytes:
        busy = {"Id": "0", "SenderFault": False, "Code": "InternalError"}
        stale = {"Id": "1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"}
        return orjson.dumps({"Successful": [{"Id": "2"}], "Failed": [busy, stale]})

    faults.add(EXTEND, rewritten(refuse_two), times=1)
    async with running(source):
        deliveries = await receive(source, 3)
        await until(lambda: counted(telemetry, "visibility_extended_total") >= 2)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)

    assert len(deliveries) == 3
    assert counted(telemetry, "visibility_expired_total") == 1


async def test_releases_that_fail_are_left_to_the_timeout(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """A release is tried a few times; then the message comes back when its timeout ends."""
    queue = await make_queue(aws, visibility_seconds=2)
    await queue.send(["a"])
    source = source_of(queue, context)
    faults.add(EXTEND, throttled())

    async with running(source):
        await source.settle(await receive(source, 1), Settlement.RELEASED)
        assert faults.seen.count(EXTEND) == 3
        (again,) = await receive(source, 1)
        await source.settle([again], Settlement.ACKNOWLEDGED)
    assert again.attempt == 2
    assert counted(telemetry, "source_errors_total") == 1


async def test_after_twelve_hours_a_message_is_given_up(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry
) -> None:
    """Extensions never ask for more than twelve hours since the receive; then the message counts as expired."""
    clock = MonotonicByHand()
    queue = await make_queue(aws)
    await queue.send(["a"])
    calls = QueueCalls(aws, QueueAddress(queue.url), wait_seconds=1)
    own = SourceContext(telemetry, clock, random.Random(0), aws, context.state)
    visibility = Visibility("orders", calls, own)
    visibility.seconds = 3_600
    (message,) = await calls.receive(1, 3_600)
    (work,) = visibility.admit([message])
    assert work is not None

    while not work.expired:
        clock.time += 600
        await visibility.beat()
        assert work.hidden_until <= 12 * 3_600

    assert clock.time == 12 * 3_600
    assert counted(telemetry, "visibility_expired_total") == 1
