from __future__ import annotations

import anyio
import pytest
from pydantic import ValidationError

from daemon.clients import AwsClients
from daemon.errors import FailureKind, PermanentError, RetryableError
from daemon.sources.base import EndOfSource, SourceContext
from daemon.sources.sqs import RedrivePolicy, SqsConfig, SqsSource
from daemon.telemetry.names import Settlement
from tests.faults import FaultProxy, cut, delayed, dropped, throttled, unanswered, unavailable
from tests.sources.queues import Queue, make_queue
from tests.sources.running import bodies, receive, running

pytestmark = pytest.mark.anyio


def source_of(queue: Queue, context: SourceContext, **config: object) -> SqsSource:
    return SqsSource("orders", SqsConfig.model_validate({"queue_url": queue.url, "wait_seconds": 1, **config}), context)


async def test_messages_arrive_as_deliveries(aws: AwsClients, context: SourceContext) -> None:
    """A delivery has the body's bytes, the message id as identity, the receive count, and the source's name."""
    queue = await make_queue(aws)
    await queue.send(["grüße"])
    source = source_of(queue, context)

    async with running(source):
        (delivery,) = await receive(source, 1)
        await source.settle([delivery], Settlement.ACKNOWLEDGED)

    assert delivery.body == "grüße".encode()
    assert delivery.identity.startswith("sqs:")
    assert (delivery.source, delivery.attempt, delivery.order_key) == ("orders", 1, None)
    assert abs(context.clock.now() - delivery.received_at) < 60


async def test_acknowledged_messages_are_deleted_in_batches(
    aws: AwsClients, context: SourceContext, faults: FaultProxy
) -> None:
    """Flush returns when everything is deleted; ten finished messages cost one call, not ten."""
    queue = await make_queue(aws)
    await queue.send([str(number) for number in range(40)])
    source = source_of(queue, context)

    async with running(source):
        deliveries = await receive(source, 40)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()
        assert await queue.depth() == (0, 0)

    assert len(deliveries) == 40
    assert faults.seen.count("DeleteMessageBatch") <= 8


async def test_released_messages_come_again_at_once(aws: AwsClients, context: SourceContext) -> None:
    """A released message is there again long before its visibility timeout, with a higher attempt."""
    queue = await make_queue(aws, visibility_seconds=600)
    await queue.send(["a", "b"])
    source = source_of(queue, context)

    async with running(source):
        await source.settle(await receive(source, 2), Settlement.RELEASED)
        again = await receive(source, 2)
        await source.settle(again, Settlement.ACKNOWLEDGED)

    assert bodies(again) == [b"a", b"b"]
    assert [delivery.attempt for delivery in again] == [2, 2]


async def test_a_message_that_comes_again_and_again_is_shown_later(aws: AwsClients, context: SourceContext) -> None:
    """What is released after many receives stays hidden for a while: a message that nobody can read makes no loop."""
    queue = await make_queue(aws, visibility_seconds=600)
    await queue.send(["a"])
    for _ in range(8):
        await queue.client.receive_message(QueueUrl=queue.url, VisibilityTimeout=0)
    source = source_of(queue, context)

    async with running(source):
        (delivery,) = await receive(source, 1)
        await source.settle([delivery], Settlement.RELEASED)

    assert delivery.attempt == 9
    assert await queue.depth() == (0, 1)


async def test_a_poll_waits_for_the_first_message(aws: AwsClients, context: SourceContext) -> None:
    """A receive under way on an empty queue returns a message that is sent meanwhile; one that ends returns nothing."""
    queue = await make_queue(aws)
    source = source_of(queue, context, wait_seconds=5)

    async with running(source), anyio.create_task_group() as tasks:
        tasks.start_soon(queue.send, ["late"])
        (delivery,) = await source.receive()
        await source.settle([delivery], Settlement.ACKNOWLEDGED)

    short = source_of(queue, context, wait_seconds=0)
    async with running(short):
        assert list(await short.receive()) == []
    assert delivery.body == b"late"


async def test_groups_of_a_fifo_queue_keep_their_order(aws: AwsClients, context: SourceContext) -> None:
    """Deliveries of one message group carry its key and come in the order sent; the next wait for the first."""
    queue = await make_queue(aws, FifoQueue="true")
    await queue.send(["a1", "a2"], group="a")
    await queue.send(["b1"], group="b")
    await queue.send(["a3"], group="a")
    source = source_of(queue, context, batch_size=3)

    async with running(source):
        deliveries = await receive(source, 3)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()
        deliveries += await receive(source, 1)
        await source.settle(deliveries[3:], Settlement.ACKNOWLEDGED)

    group_a = [delivery.body for delivery in deliveries if delivery.order_key == "a"]
    assert group_a == [b"a1", b"a2", b"a3"]
    assert [delivery.body for delivery in deliveries if delivery.order_key == "b"] == [b"b1"]


async def test_a_group_on_a_standard_queue_orders_nothing(context: SourceContext, aws: AwsClients) -> None:
    """MessageGroupId on a standard queue is SQS's fair queuing, not an order to keep."""
    queue = await make_queue(aws)
    source = source_of(queue, context)
    async with running(source):
        await queue.send(["a"])
        (delivery,) = await receive(source, 1)
        await source.settle([delivery], Settlement.ACKNOWLEDGED)
    assert delivery.order_key is None


async def test_a_queue_is_found_by_name(aws: AwsClients, context: SourceContext) -> None:
    """With queue_name the URL is asked for."""
    queue = await make_queue(aws)
    await queue.send(["a"])
    source = SqsSource("orders", SqsConfig(queue_name=queue.name, wait_seconds=1), context)

    async with running(source):
        deliveries = await receive(source, 1)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
    assert bodies(deliveries) == [b"a"]


async def test_a_queue_that_is_not_there_stops_open(aws: AwsClients, context: SourceContext) -> None:
    """Open and check tell a missing queue from one that is only out of reach."""
    queue = await make_queue(aws)
    await queue.delete()

    for source in (source_of(queue, context), SqsSource("orders", SqsConfig(queue_name="nowhere"), context)):
        with pytest.raises(PermanentError) as missing:
            await source.open()
        with pytest.raises(PermanentError):
            await source.check()
        assert missing.value.kind is FailureKind.NOT_FOUND
        await source.close()


async def test_a_queue_that_vanishes_fails_receive(aws: AwsClients, context: SourceContext) -> None:
    """A queue deleted under the daemon makes receive raise, and settle neither raise nor wait for ever."""
    queue = await make_queue(aws)
    await queue.send(["a"])
    source = source_of(queue, context)

    async with running(source):
        deliveries = await receive(source, 1)
        await queue.delete()
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()
        with pytest.raises(PermanentError, match="not_found"):
            await source.receive()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (throttled(), FailureKind.THROTTLED),
        (unavailable(), FailureKind.SERVER_ERROR),
        (dropped(), FailureKind.UNREACHABLE),
        (cut(), FailureKind.UNREACHABLE),
    ],
)
async def test_a_failed_poll_says_whether_to_repeat_it(
    fault: object, kind: FailureKind, aws: AwsClients, context: SourceContext, faults: FaultProxy
) -> None:
    """What passes by itself is retryable, and the next receive works."""
    queue = await make_queue(aws, visibility_seconds=1)
    await queue.send(["a"])
    source = source_of(queue, context)

    async with running(source):
        faults.add("ReceiveMessage", fault, times=1)  # type: ignore[arg-type]  # parametrize forgets the type
        with pytest.raises(RetryableError) as failure:
            await source.receive()
        deliveries = await receive(source, 1)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)

    assert failure.value.kind is kind
    assert bodies(deliveries) == [b"a"]


async def test_quiesce_lets_a_poll_finish(aws: AwsClients, context: SourceContext, faults: FaultProxy) -> None:
    """A poll under way at the stop still hands over its messages, and no other begins: nothing is left in flight."""
    queue = await make_queue(aws, visibility_seconds=600)
    await queue.send(["a"])
    source = source_of(queue, context)
    faults.add("ReceiveMessage", delayed(0.3))

    async with running(source):
        async with anyio.create_task_group() as tasks:

            async def stop() -> None:
                source.quiesce()

            tasks.start_soon(stop)
            (delivery,) = await source.receive()
        with pytest.raises(EndOfSource):
            await source.receive()
        await source.settle([delivery], Settlement.RELEASED)

    assert await queue.depth() == (1, 0)


async def test_a_lost_answer_strands_messages_only_for_their_timeout(
    aws: AwsClients, context: SourceContext, faults: FaultProxy
) -> None:
    """Messages whose answer never arrived are not held on to by heartbeats: they come again."""
    queue = await make_queue(aws, visibility_seconds=1)
    await queue.send(["a"])
    source = source_of(queue, context)
    faults.add("ReceiveMessage", unanswered(), times=1)

    async with running(source):
        with pytest.raises(RetryableError):
            await source.receive()
        (again,) = await receive(source, 1)
        await source.settle([again], Settlement.ACKNOWLEDGED)
    assert again.attempt == 2


async def test_check_consumes_nothing_and_warns(aws: AwsClients, context: SourceContext, faults: FaultProxy) -> None:
    """Check reads the attributes only, and names depth, dead-letter queue and what is unwise."""
    dead = await make_queue(aws)
    arn = await dead.attribute("QueueArn")
    policy = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"2"}}'
    queue = await make_queue(aws, visibility_seconds=10, RedrivePolicy=policy)
    await queue.send(["a", "b"])
    source = source_of(queue, context)
    faults.seen.clear()

    line = await source.check()

    assert faults.seen == ["GetQueueAttributes"]
    assert "about 2 messages waiting, 0 in flight, visibility timeout 10 s" in line
    assert f"dead-letter queue {dead.name} after 2 receives" in line
    assert line.count("warning:") == 2
    assert source.redrive == RedrivePolicy(arn, 2)
    assert await queue.depth() == (2, 0)
    await source.close()


async def test_a_queue_that_redrives_nothing_is_not_left_to_redrive(aws: AwsClients, context: SourceContext) -> None:
    """`dead_letter: redrive` over a queue without a RedrivePolicy is an error at check and open, until it has one."""
    queue = await make_queue(aws)
    source = source_of(queue, context, dead_letter="redrive")
    for call in (source.open, source.check):
        with pytest.raises(PermanentError, match="RedrivePolicy, and the queue has none"):
            await call()

    arn = await (await make_queue(aws)).attribute("QueueArn")
    policy = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"5"}}'
    await queue.client.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": policy})
    await source.open()
    await source.close()


async def test_check_of_a_sound_queue_warns_of_nothing(aws: AwsClients, context: SourceContext) -> None:
    """A queue without a dead-letter queue and with the default timeout is fine."""
    source = source_of(await make_queue(aws), context)
    assert await source.check() == (
        "about 0 messages waiting, 0 in flight, visibility timeout 30 s, no dead-letter queue"
    )
    await source.close()


def test_config_wants_exactly_one_address() -> None:
    """Neither, both, an owner without a name, and numbers out of SQS's bounds are refused."""
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
    assert SqsConfig(queue_url=url).receivers == 2
    for wrong in (
        {},
        {"queue_url": url, "queue_name": "orders"},
        {"queue_url": url, "queue_owner_account_id": "123456789012"},
        {"queue_url": "orders"},
        {"queue_url": url, "wait_seconds": 21},
        {"queue_url": url, "batch_size": 11},
        {"queue_url": url, "visibility_timeout_seconds": 43_201},
        {"queue_url": url, "unknown": 1},
    ):
        with pytest.raises(ValidationError):
            SqsConfig.model_validate(wrong)
