"""The emulators that other tests lean on, and the detector of blocking calls."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable

import pytest
from blockbuster import BlockingError

from daemon import errors
from daemon.clients import AwsClients
from tests.emulators import Emulator, clients_of

pytestmark = pytest.mark.anyio


async def test_roto_keeps_a_message(roto_clients: AwsClients) -> None:
    """A message sent to roto's SQS is received."""
    assert await _round_trip(roto_clients) == ["hello"]


async def test_ministack_keeps_a_message(ministack_clients: AwsClients) -> None:
    """A message sent to ministack's SQS is received."""
    assert await _round_trip(ministack_clients) == ["hello"]


async def test_moto_keeps_a_message(moto: Emulator) -> None:
    """A message sent to moto's SQS is received."""
    clients = clients_of(moto)
    try:
        assert await _round_trip(clients) == ["hello"]
    finally:
        await clients.close()


async def _round_trip(clients: AwsClients) -> list[str]:
    sqs = await clients.client("sqs")
    queue = await sqs.create_queue(QueueName=f"round-trip-{uuid.uuid4()}")
    await sqs.send_message(QueueUrl=queue["QueueUrl"], MessageBody="hello")
    answer = await sqs.receive_message(QueueUrl=queue["QueueUrl"], WaitTimeSeconds=1)
    return [message["Body"] for message in answer["Messages"]]


async def test_a_blocking_call_of_ours_fails() -> None:
    """A call that blocks the event loop raises where code under daemon/ made it."""
    scope: dict[str, Callable[[], None]] = {}
    exec(compile("import os\ndef block(): os.stat('.')", errors.__file__, "exec"), scope)
    with pytest.raises(BlockingError):
        scope["block"]()


async def test_a_blocking_call_of_a_test_passes() -> None:
    """A test may read files in the event loop: it has nothing else to do."""
    os.stat(".")  # noqa: PTH116 - the call under test
