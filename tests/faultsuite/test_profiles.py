"""One fault each, under the name it has in the promise: those that one part meets alone are tested beside it, and the
table says where; the others are here.
"""

from __future__ import annotations

import ast
import hashlib
import os
import random
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
import orjson
import pytest
from aiohttp import web
from anyio import to_thread

from daemon.clients import AwsClients, AwsSettings
from daemon.clock import SystemClock
from daemon.decode import DecodeLimits, Decoder
from daemon.errors import FailureKind, RetryableError
from daemon.event import Event
from daemon.sources.base import SourceContext
from daemon.sources.sqs import SqsConfig, SqsSource
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry import Telemetry, build_telemetry
from daemon.telemetry.names import Settlement
from tests.e2e.processes import DaemonProcess, run_daemon
from tests.e2e.watching import alerting, assert_balanced, event, hook
from tests.emulators import REGION, Emulator
from tests.faults import Answer, FaultProxy, Forward, delayed, dripped, rewritten, throttled
from tests.faultsuite.storm import CONCURRENCY, Patience
from tests.servers import serve
from tests.sources.queues import Queue, clients_at, make_queue
from tests.sources.running import bodies, receive, running

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
STOP_SECONDS = float(os.environ.get("VIGILD_FAULT_STOP_SECONDS", "12"))

PROFILES = {
    "stale receipt handles": "sources/sqs/test_acks.py::test_a_handle_that_somebody_overtook_is_given_up",
    "visibility expired in flight": (
        "sources/sqs/test_visibility.py::test_an_expired_message_is_reported_and_left_to_its_redelivery"
    ),
    "duplicates in one batch": "sources/sqs/test_visibility.py::test_a_message_twice_in_one_answer_is_one_delivery",
    "FIFO group order": "sources/sqs/test_sqs.py::test_groups_of_a_fifo_queue_keep_their_order",
    "partial batch-delete failures": "sources/sqs/test_acks.py::test_only_failed_entries_are_repeated",
    "1 MB messages": "faultsuite/test_profiles.py::test_a_message_of_one_mebibyte",
    "a message that kills decode each time": (
        "e2e/test_failures.py::test_an_unreadable_message_goes_back_as_often_as_configured"
    ),
    "clock skew towards AWS": "clients/test_skew.py::test_a_wrong_clock_costs_one_attempt",
    "clock skew between replicas": (
        "dedupe/test_claims.py::test_a_process_that_renews_keeps_its_claims_whatever_the_clocks_say"
    ),
    "credentials rotating mid-run": "faultsuite/test_profiles.py::test_credentials_rotate_mid_run",
    "connect errors": "faultsuite/test_profiles.py::test_connect_errors",
    "DNS errors": "faultsuite/test_profiles.py::test_dns_errors",
    "half-open connections": "faultsuite/test_profiles.py::test_a_half_open_connection",
    "throttling storm": "faultsuite/test_profiles.py::test_a_throttling_storm",
    "slow drip": "faultsuite/test_profiles.py::test_a_slow_drip",
    "full disk under SQLite": "state/test_sqlite.py::test_a_full_store_says_so_and_goes_on",
    "SIGSTOP, SQS": "faultsuite/test_profiles.py::test_a_process_that_was_stopped_for_long",
    "SIGSTOP, Kinesis": "e2e/test_kinesis_to_webhook.py::test_a_process_that_was_stopped_for_long_does_nothing_twice",
}


@pytest.mark.parametrize("fault", PROFILES)
def test_each_fault_has_a_test(fault: str) -> None:
    """The table names tests that are there."""
    path, _, name = PROFILES[fault].partition("::")
    tree = ast.parse((ROOT / "tests" / path).read_text())

    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.fixture
def telemetry() -> Telemetry:
    return build_telemetry()


@pytest.fixture
async def proxy(roto: Emulator) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(roto.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
async def aws(proxy: FaultProxy) -> AsyncIterator[AwsClients]:
    clients = clients_at(proxy.endpoint_url, read_timeout_seconds=1.0)
    yield clients
    await clients.close()


@pytest.fixture
async def context(tmp_path: Path, telemetry: Telemetry, aws: AwsClients) -> AsyncIterator[SourceContext]:
    clock = SystemClock()
    store = await SqliteStore.open(SqliteConfig(path=tmp_path / "profile.sqlite"), clock)
    yield SourceContext(telemetry, clock, random.Random(0), aws, store)
    await store.close()


def source_of(queue: Queue, context: SourceContext) -> SqsSource:
    return SqsSource("orders", SqsConfig(queue_url=queue.url, wait_seconds=1), context)


async def test_a_message_of_one_mebibyte(aws: AwsClients, context: SourceContext, proxy: FaultProxy) -> None:
    """SQS's largest message is received whole, and the event in it decoded."""
    envelope = {"id": "big", "source": "aws.ec2", "detail-type": "x", "detail": {"text": ""}}
    envelope["detail"] = {"text": "x" * (1024**2 - len(orjson.dumps(envelope)))}
    large = orjson.dumps(envelope).decode()

    def enlarge(body: bytes) -> bytes:
        # The emulators still have SQS's former limit of 256 KiB.
        answer = orjson.loads(body)
        for message in answer.get("Messages", ()):
            message["Body"] = large
            message["MD5OfBody"] = hashlib.md5(large.encode(), usedforsecurity=False).hexdigest()
        return orjson.dumps(answer)

    queue = await make_queue(aws)
    proxy.add("ReceiveMessage", rewritten(enlarge))
    source = source_of(queue, context)
    await queue.send(["small"])
    async with running(source):
        (delivery,) = await receive(source, 1)
        await source.settle([delivery], Settlement.ACKNOWLEDGED)

    (decoded,) = Decoder(DecodeLimits()).decode(delivery)
    assert len(delivery.body) == 1024**2
    assert isinstance(decoded, Event)
    assert decoded.identity == "eventbridge:big"


async def test_credentials_rotate_mid_run(
    proxy: FaultProxy, context: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of a container role that run out are fetched anew; what was signed with the old ones is repeated."""
    current = ["AKIAFIRST"]

    async def keys(_: web.BaseRequest) -> web.StreamResponse:
        until = datetime.now(UTC) + timedelta(seconds=30)
        document = {"AccessKeyId": current[0], "SecretAccessKey": "s", "Token": "t", "Expiration": until.isoformat()}
        return web.json_response(document)

    async with serve(keys) as role:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.url)
        clients = AwsClients(AwsSettings(region=REGION, endpoint_url=proxy.endpoint_url))
        queue = await make_queue(clients)
        source = source_of(queue, SourceContext(context.telemetry, context.clock, context.rng, clients, context.state))
        async with running(source):
            await queue.send(["before"])
            first = await receive(source, 1)
            current[0] = "AKIASECOND"
            expired = {"__type": "ExpiredTokenException", "message": "expired"}

            async def refuse_the_old(forward: Forward) -> Answer:
                return Answer(400, orjson.dumps(expired)) if proxy.keys[-1] == "AKIAFIRST" else await forward()

            proxy.add(None, refuse_the_old)
            await source.settle(first, Settlement.ACKNOWLEDGED)
            await queue.send(["after"])
            second = await receive(source, 1)
            await source.settle(second, Settlement.ACKNOWLEDGED)
        proxy.clear()
        await clients.close()

    assert bodies(first + second) == [b"after", b"before"]
    assert proxy.keys[0] == "AKIAFIRST"
    assert proxy.keys[-1] == "AKIASECOND"


async def test_connect_errors(context: SourceContext) -> None:
    """Nobody listens at the endpoint: the source says unreachable, and that it is worth repeating."""
    assert await failure_at("http://127.0.0.1:9", context) is FailureKind.UNREACHABLE


async def test_dns_errors(context: SourceContext) -> None:
    """The endpoint's name has no address: the same."""
    assert await failure_at("http://nowhere.invalid", context) is FailureKind.UNREACHABLE


async def failure_at(endpoint_url: str, context: SourceContext) -> FailureKind:
    clients = clients_at(endpoint_url)
    nowhere = Queue(None, f"{endpoint_url}/000000000000/orders")
    source = source_of(nowhere, SourceContext(context.telemetry, context.clock, context.rng, clients, context.state))
    with pytest.raises(RetryableError) as failure:
        await source.open()
    await source.close()
    await clients.close()
    return failure.value.kind


async def test_a_half_open_connection(aws: AwsClients, context: SourceContext, proxy: FaultProxy) -> None:
    """A connection that says nothing any more costs one read time-out; the message comes over another."""
    queue = await make_queue(aws, visibility_seconds=2)
    source = source_of(queue, context)
    async with running(source):
        proxy.add("ReceiveMessage", delayed(60.0), times=1)
        with pytest.raises(RetryableError) as failure:
            await source.receive()
        await queue.send(["a"])
        deliveries = await receive(source, 1)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)

    assert failure.value.kind is FailureKind.TIMEOUT
    assert bodies(deliveries) == [b"a"]


async def test_a_throttling_storm(aws: AwsClients, context: SourceContext, proxy: FaultProxy) -> None:
    """While SQS takes no deletes for a while nothing is lost, and all is deleted when it does again."""
    queue = await make_queue(aws, visibility_seconds=30)
    await queue.send([str(number) for number in range(30)])
    source = source_of(queue, context)
    async with running(source):
        deliveries = await receive(source, 30)
        proxy.add("DeleteMessageBatch", throttled(), times=10)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)
        await source.flush()

    assert len(bodies(deliveries)) == 30
    assert await queue.depth() == (0, 0)


async def test_a_slow_drip(aws: AwsClients, context: SourceContext, proxy: FaultProxy) -> None:
    """An answer that trickles in is read to its end, or given up in bounded time and asked for again."""
    queue = await make_queue(aws, visibility_seconds=2)
    await queue.send(["a"])
    source = source_of(queue, context)
    async with running(source):
        proxy.add("ReceiveMessage", dripped(30.0), times=1)
        with anyio.fail_after(20):
            with pytest.raises(RetryableError) as failure:
                await source.receive()
            deliveries = await receive(source, 1)
        await source.settle(deliveries, Settlement.ACKNOWLEDGED)

    assert failure.value.kind is FailureKind.TIMEOUT
    assert bodies(deliveries) == [b"a"]


async def test_a_process_that_was_stopped_for_long(tmp_path: Path, roto: Emulator, roto_clients: AwsClients) -> None:
    """SIGSTOP past session and visibility: the other does the sleeper's work, and the sleeper none of it again."""
    queue = await make_queue(roto_clients, visibility_seconds=4)
    numbers = range(1, 1_201, 2)
    rng = random.Random(3)
    async with hook() as target:
        source = {"type": "sqs", "queue_url": queue.url, "receivers": 2, "wait_seconds": 1}
        config = alerting(tmp_path, {"queue": source}, target.url, roto.endpoint_url)
        with run_daemon(tmp_path, config) as sleeper, run_daemon(tmp_path, config) as other:
            for process in (sleeper, other):
                await to_thread.run_sync(process.wait_until_ready)
            target.delay_seconds = 0.02
            await queue.send([event(number, rng).decode() for number in numbers])
            sleeper.process.send_signal(signal.SIGSTOP)
            await anyio.sleep(STOP_SECONDS)
            sleeper.process.send_signal(signal.SIGCONT)
            patience = Patience(partial(assert_running, sleeper, other))
            while (depth := await queue.depth()) != (0, 0):
                patience.look(depth)
                await anyio.sleep(0.2)
            await to_thread.run_sync(assert_balanced, sleeper, other)
            assert await to_thread.run_sync(sleeper.stop) == 0
            assert await to_thread.run_sync(other.stop) == 0

    assert len(target.taken) == len(numbers)
    assert sum(count > 1 for count in target.taken.values()) <= CONCURRENCY, "only what was being sent at that moment"


def assert_running(*processes: DaemonProcess) -> None:
    for process in processes:
        assert process.process.poll() is None, process.log_text()[-3000:]
