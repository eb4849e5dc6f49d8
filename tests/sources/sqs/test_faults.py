"""What goes wrong between the daemon and SQS, a test for each fault; more of it in the tests beside this one.

Throttled, dropped, refused and partly failed deletes: test_acks.py.  Expired and repeated messages, slow and refused
heartbeats: test_visibility.py.  What a call makes of broken connections, rotating credentials and wrong clocks:
tests/clients.
"""

from __future__ import annotations

import base64
import gzip
import random
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from anyio import to_thread

from daemon.assembly import Parts
from daemon.clients import AwsClients
from daemon.decode import DecodeLimits, Decoder
from daemon.dedupe.window import SettledWindow
from daemon.errors import FailureKind, RetryableError
from daemon.event import Delivery
from daemon.pipeline.sift import Sieve
from daemon.rules.load import load_rules
from daemon.sources.base import SourceContext
from daemon.sources.sqs import SqsConfig, SqsSource
from daemon.telemetry import Telemetry
from daemon.telemetry.names import Settlement
from tests.daemons import running_daemon
from tests.e2e.watching import RULES, event, hook
from tests.emulators import REGION, Emulator
from tests.faults import FaultProxy, answering, delayed, rewritten, throttled
from tests.sources.queues import Queue, clients_at, make_queue
from tests.sources.running import bodies, counted, receive, running, until

pytestmark = pytest.mark.anyio

EXTEND, DELETE, RECEIVE = "ChangeMessageVisibilityBatch", "DeleteMessageBatch", "ReceiveMessage"


def source_of(queue: Queue, context: SourceContext) -> SqsSource:
    return SqsSource("orders", SqsConfig(queue_url=queue.url, wait_seconds=1), context)


async def test_a_message_of_a_megabyte_goes_through(moto: Emulator, context: SourceContext) -> None:
    """The largest message that SQS takes arrives whole and is deleted."""
    clients = clients_at(moto.endpoint_url)  # the others still have SQS's limit of old, 256 KiB
    queue = await make_queue(clients)
    body = "ü" * (512 * 1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # aiohttp's, about what the test sends
        await queue.send([body])
    source = source_of(queue, replace(context, aws=clients))
    async with running(source):
        (delivery,) = await receive(source, 1)
        await source.settle([delivery], Settlement.ACKNOWLEDGED)
        await source.flush()
        assert await queue.depth() == (0, 0)
    assert len(delivery.body) == 1024**2
    assert delivery.body.decode() == body
    await clients.close()


@pytest.mark.parametrize("code", ["ExpiredTokenException", "InvalidSignatureException", "UnrecognizedClientException"])
async def test_credentials_that_are_refused_are_tried_again(
    code: str, aws: AwsClients, context: SourceContext, faults: FaultProxy
) -> None:
    """Keys that expire in mid-run are no reason to give up: the next ones may work, and nothing was lost."""
    queue = await make_queue(aws)
    await queue.send(["a"])
    source = source_of(queue, context)
    async with running(source):
        faults.add(RECEIVE, answering(403, {"__type": code, "message": "AWS_SESSION_TOKEN=secret"}), times=1)
        with pytest.raises(RetryableError) as failure:
            await source.receive()
        deliveries = await receive(source, 1)
        faults.add(DELETE, answering(403, {"__type": code, "message": "no"}), times=1)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()
        assert await queue.depth() == (0, 0)
    assert failure.value.kind is FailureKind.CREDENTIALS
    assert "secret" not in str(failure.value)


async def test_a_half_open_connection_ends_in_an_error(
    aws: AwsClients, context: SourceContext, faults: FaultProxy
) -> None:
    """A peer that vanished without a word holds a poll no longer than the read timeout; the next one works."""
    queue = await make_queue(aws)
    impatient = clients_at(faults.endpoint_url, read_timeout_seconds=0.2)
    source = source_of(queue, replace(context, aws=impatient))
    faults.add(RECEIVE, delayed(60), times=1)
    async with running(source):
        with pytest.raises(RetryableError) as failure:
            await source.receive()
        await queue.send(["a"])
        deliveries = await receive(source, 1)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
    assert failure.value.kind is FailureKind.TIMEOUT
    assert bodies(deliveries) == [b"a"]
    await impatient.close()


async def test_a_visibility_timeout_of_a_second_is_extended(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry
) -> None:
    """Even the shortest timeout is renewed in time."""
    queue = await make_queue(aws, visibility_seconds=1)
    await queue.send(["a"])
    source = source_of(queue, context)
    async with running(source):
        deliveries = await receive(source, 1)
        await until(lambda: counted(telemetry, "visibility_extended_total") >= 3)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)


async def test_a_throttling_storm_loses_nothing(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """While SQS refuses every kind of call, messages in work stay in work; then all are deleted."""
    queue = await make_queue(aws, visibility_seconds=8)
    await queue.send([str(number) for number in range(20)])
    source = source_of(queue, context)
    async with running(source):
        deliveries = await receive(source, 20)
        for operation in (RECEIVE, EXTEND, DELETE):
            faults.add(operation, throttled(), times=4)
        for _ in range(4):
            with pytest.raises(RetryableError, match="throttled"):
                await source.receive()
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()
        assert await queue.depth() == (0, 0)
    assert counted(telemetry, "acknowledgements_lost_total") == 0
    assert counted(telemetry, "source_errors_total") >= 4


def without(field: str) -> Callable[[bytes], bytes]:
    """Return what leaves a field out of an answer."""

    def change(body: bytes) -> bytes:
        return orjson.dumps({name: value for name, value in orjson.loads(body).items() if name != field})

    return change


async def test_entries_that_an_answer_passes_over_are_repeated(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, faults: FaultProxy
) -> None:
    """Neither a delete nor a heartbeat counts as done that SQS did not say was done."""
    queue = await make_queue(aws, visibility_seconds=6)
    await queue.send(["a", "b", "c"])
    source = source_of(queue, context)
    for operation in (DELETE, EXTEND):
        faults.add(operation, rewritten(without("Successful")), times=1)
    async with running(source):
        deliveries = await receive(source, 3)
        await until(lambda: counted(telemetry, "visibility_extended_total") >= 3)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()
    assert faults.seen.count(DELETE) == 2
    assert counted(telemetry, "visibility_expired_total") == 0
    assert await queue.depth() == (0, 0)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Sign in to the network</html>",
        b'{"Attributes": {"VisibilityTimeout": "soon"}}',
        b'{"Attributes": 5}',
        b"{}",
    ],
)
async def test_attributes_that_make_no_sense_are_asked_for_again(
    body: bytes, aws: AwsClients, context: SourceContext, faults: FaultProxy
) -> None:
    """The page of a proxy in the place of the queue's attributes does not end the daemon, nor make up a timeout."""
    queue = await make_queue(aws)
    source = source_of(queue, context)
    faults.add("GetQueueAttributes", rewritten(lambda _: body), times=1)
    with pytest.raises(RetryableError):
        await source.open()
    await source.open()
    await source.close()


async def test_a_receive_count_that_is_none_is_an_error_to_come_back_for(
    aws: AwsClients, context: SourceContext, faults: FaultProxy
) -> None:
    """What cannot be read of an answer raises before anything is held, so that the messages come again."""
    queue = await make_queue(aws, visibility_seconds=1)
    await queue.send(["a"])
    source = source_of(queue, context)
    odd = rewritten(lambda body: body.replace(b'"ApproximateReceiveCount":"1"', b'"ApproximateReceiveCount":"once"'))
    faults.add(RECEIVE, odd, times=1)
    async with running(source):
        with pytest.raises(RetryableError):
            await source.receive()
        deliveries = await receive(source, 1)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
    assert [delivery.attempt for delivery in deliveries] == [2]


async def test_a_fifo_group_waits_for_its_first_message(aws: AwsClients, context: SourceContext) -> None:
    """A message given back comes again before the later ones of its group, whatever else is delivered meanwhile."""
    queue = await make_queue(aws, FifoQueue="true")
    await queue.send(["a1", "a2"], group="a")
    await queue.send(["b1"], group="b")
    config = SqsConfig(queue_url=queue.url, wait_seconds=1, batch_size=1)
    source = SqsSource("orders", config, context)
    order = []
    async with running(source):
        for turn in range(4):
            (delivery,) = await receive(source, 1)
            order.append(delivery.body)
            await source.settle([delivery], Settlement.ACKNOWLEDGED if turn else Settlement.RELEASED)
            await source.flush()
    assert order[0] == b"a1"
    assert sorted(order) == [b"a1", b"a1", b"a2", b"b1"]
    assert order.index(b"a2") > max(place for place, body in enumerate(order) if body == b"a1")


async def test_a_visibility_timeout_that_ends_in_flight_has_no_double_effect(
    aws: AwsClients, faults: FaultProxy, tmp_path: Path
) -> None:
    """Two processes get the message one after the other, since no heartbeat gets through: one alert, and a metric."""
    queue = await make_queue(aws, visibility_seconds=2)
    (tmp_path / "rules.yaml").write_text(RULES)
    faults.add(EXTEND, throttled())
    async with hook() as target:
        target.delay_seconds = 3.0
        config = {
            "aws": {"region": REGION, "endpoint_url": faults.endpoint_url},
            "sources": {"orders": {"type": "sqs", "queue_url": queue.url, "wait_seconds": 1, "receivers": 1}},
            "rules": [str(tmp_path / "rules.yaml")],
            "targets": {"hook": {"type": "webhook", "url": target.url}},
            "state": {"path": str(tmp_path / "state.sqlite")},
            "dead_letters": {"default": {"type": "file", "path": str(tmp_path / "dead.ndjson")}},
        }
        async with running_daemon(config) as first, running_daemon(config) as second:
            await queue.send([event(1, random.Random(7)).decode()])
            await until(lambda: _settled(first) + _settled(second) >= 1, seconds=30)
        assert target.taken.total() == 1
        # Whoever gets it the second time: another process, or the first one before it looks at its own clock.
        again = sum(
            counted(process.telemetry, metric)
            for process in (first, second)
            for metric in ("visibility_expired_total", "messages_repeated_total")
        )
        assert again >= 1


def _settled(parts: Parts) -> float:
    return sum(value for _, value in parts.telemetry.metrics.values("deliveries_settled_total"))


async def test_a_document_of_64_megabytes_starves_no_heartbeat(
    aws: AwsClients, context: SourceContext, telemetry: Telemetry, tmp_path: Path
) -> None:
    """While huge CloudTrail files are taken apart one after the other, what else is in work stays hidden."""
    queue = await make_queue(aws, visibility_seconds=4)
    packed = base64.b64encode(gzip.compress(_trail_file(63 * 1024**2)))
    assert len(packed) < 1024**2
    (tmp_path / "rules.yaml").write_text(RULES)
    rules = await to_thread.run_sync(load_rules, [tmp_path / "rules.yaml"], ["hook"], [])
    sieve = Sieve(Decoder(DecodeLimits()), SettledWindow(1_000), rules, telemetry, context.clock)
    await queue.send(["light"])
    source = source_of(queue, context)
    huge = Delivery(source="orders", identity="sqs:huge", body=packed, receipt=None, received_at=0.0)

    async with running(source):
        deliveries = await receive(source, 1)
        first = context.clock.monotonic()
        while context.clock.monotonic() < first + 6:
            async for chunk in sieve.sift("orders", [huge]):
                assert not chunk.rejections
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()

    assert counted(telemetry, "visibility_extended_total") >= 2
    assert counted(telemetry, "visibility_expired_total") == 0
    assert await queue.depth() == (0, 0)


def _trail_file(size: int) -> bytes:
    record = {"eventVersion": "1.08", "eventTime": "2026-01-02T03:04:05Z", "eventType": "AwsApiCall"}
    call = {"eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "awsRegion": "us-east-1"}
    padding = {"requestParameters": {"filterSet": {"items": [{"name": "x" * 1_000}]}}, "recipientAccountId": "1" * 12}
    text = orjson.dumps({**record, **call, **padding, "eventID": "%08d"})
    records = (text.replace(b"%08d", b"%08d" % number) for number in range(size // len(text)))
    return b'{"Records":[' + b",".join(records) + b"]}"
