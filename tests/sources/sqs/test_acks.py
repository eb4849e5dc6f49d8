from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import anyio
import orjson
import pytest

from daemon.clients import AwsClients
from daemon.sources.base import SourceContext
from daemon.sources.sqs import SqsConfig, SqsSource
from daemon.sources.sqs.acks import Acknowledger
from daemon.sources.sqs.queue_calls import Message, QueueAddress, QueueCalls
from daemon.sources.sqs.visibility import InWork, Visibility
from daemon.telemetry import Telemetry
from daemon.telemetry.names import Settlement
from tests.emulators import Emulator
from tests.faults import Fault, FaultProxy, answering, delayed, dropped, rewritten, throttled, unanswered
from tests.sources.queues import Queue, clients_at, make_queue
from tests.sources.running import counted, receive, running, until

pytestmark = pytest.mark.anyio

DELETE = "DeleteMessageBatch"


def source_of(queue: Queue, context: SourceContext) -> SqsSource:
    return SqsSource("orders", SqsConfig(queue_url=queue.url, wait_seconds=1), context)


async def acknowledge(queue: Queue, context: SourceContext, messages: int) -> None:
    """Send, receive and acknowledge so many messages."""
    await queue.send([str(number) for number in range(messages)])
    source = source_of(queue, context)
    async with running(source):
        await source.settle(await receive(source, messages), Settlement.ACKNOWLEDGED)


def failing(*entries: dict[str, object]) -> Callable[[bytes], bytes]:
    """Return what puts these failed entries in the place of an answer's successes."""

    def change(body: bytes) -> bytes:
        ids = {entry["Id"] for entry in entries}
        done = [entry for entry in orjson.loads(body)["Successful"] if entry["Id"] not in ids]
        return orjson.dumps({"Successful": done, "Failed": entries})

    return change


@pytest.mark.parametrize("fault", [throttled(), dropped(), unanswered()])
async def test_a_failed_delete_is_repeated(
    fault: Fault, aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """Whatever passes by itself delays the delete, and nothing else."""
    queue = await make_queue(aws)
    faults.add(DELETE, fault, times=2)

    await acknowledge(queue, context, 3)

    assert await queue.depth() == (0, 0)
    assert counted(telemetry, "acknowledgements_lost_total") == 0
    assert counted(telemetry, "source_errors_total") == 2


async def test_only_failed_entries_are_repeated(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """Of a batch that failed in part, what SQS could not do is sent again and what it refuses is given up."""
    queue = await make_queue(aws)
    busy = {"Id": "0", "SenderFault": False, "Code": "InternalError", "Message": "busy"}
    slow = {"Id": "1", "SenderFault": True, "Code": "ThrottlingException", "Message": "slow down"}
    stale = {"Id": "2", "SenderFault": True, "Code": "ReceiptHandleIsInvalid", "Message": "stale"}
    faults.add(DELETE, rewritten(failing(busy, slow, stale)), times=1)

    await acknowledge(queue, context, 5)

    assert faults.seen.count(DELETE) == 2
    assert counted(telemetry, "acknowledgements_lost_total") == 1


async def test_a_forbidden_delete_is_given_up(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """Without the permission nothing is repeated: it is counted, and the messages come again."""
    queue = await make_queue(aws)
    faults.add(DELETE, answering(403, {"__type": "AccessDeniedException", "message": "no"}))

    await acknowledge(queue, context, 2)

    assert faults.seen.count(DELETE) == 1
    assert counted(telemetry, "acknowledgements_lost_total") == 2
    assert await queue.depth() == (0, 2)


async def test_a_handle_that_somebody_overtook_is_given_up(
    ministack: Emulator, context: SourceContext, telemetry: Telemetry
) -> None:
    """A delete with a handle that another consumer's receive made stale is refused and counted, never repeated."""
    clients = clients_at(ministack.endpoint_url)
    queue = await make_queue(clients, visibility_seconds=1)
    await queue.send(["a"])
    source = source_of(queue, replace(context, aws=clients))
    async with running(source):
        deliveries = await receive(source, 1)
        work = deliveries[0].receipt
        assert isinstance(work, InWork)
        await queue.client.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=work.handle, VisibilityTimeout=0)
        other = await queue.client.receive_message(QueueUrl=queue.url, VisibilityTimeout=60, WaitTimeSeconds=2)
        assert len(other["Messages"]) == 1
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)

    assert counted(telemetry, "acknowledgements_lost_total") == 1
    assert await queue.depth() == (0, 1)
    await clients.close()


async def test_a_message_received_again_while_being_deleted_is_deleted_again(
    aws: AwsClients, context: SourceContext, faults: FaultProxy
) -> None:
    """A delete with the older of two handles may have deleted nothing, so the newer one is sent after it."""
    queue = await make_queue(aws)
    calls = QueueCalls(aws, QueueAddress(queue.url), wait_seconds=1)
    visibility = Visibility("orders", calls, context)
    acks = Acknowledger("orders", calls, visibility, context)
    await queue.send(["a"])
    (message,) = await calls.receive(1, 0)
    (work,) = visibility.admit([message])
    assert work is not None
    faults.add(DELETE, delayed(0.3), times=1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(acks.keep_sending)
        await acks.add([work])
        await until(lambda: DELETE in faults.seen)
        (newer,) = await calls.receive(1, 30)
        assert visibility.admit([newer]) == [None]
        await acks.flush()
        tasks.cancel_scope.cancel()

    assert faults.seen.count(DELETE) == 2


async def test_deletes_that_do_not_get_through_stop_the_intake(
    aws: AwsClients, context: SourceContext, faults: FaultProxy
) -> None:
    """Finished messages pile up to a bound; then settle waits."""
    queue = await make_queue(aws)
    calls = QueueCalls(aws, QueueAddress(queue.url), wait_seconds=1)
    visibility = Visibility("orders", calls, context)
    acks = Acknowledger("orders", calls, visibility, context)
    faults.add(DELETE, dropped())
    added = 0

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(acks.keep_sending)
        with anyio.move_on_after(2):
            for number in range(2_000):
                (work,) = visibility.admit([Message(str(number), "handle", b"", {})])
                assert work is not None
                await acks.add([work])
                added += 1
        tasks.cancel_scope.cancel()

    assert 1_000 <= added <= 1_010
