"""Makes queues in an emulator, fills them and looks into them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from daemon.clients import AwsClients, AwsSettings
from tests.emulators import REGION


def clients_at(endpoint_url: str, read_timeout_seconds: float = 5.0) -> AwsClients:
    """Return AWS clients that reach this address; whoever asks closes them."""
    return AwsClients(AwsSettings(region=REGION, endpoint_url=endpoint_url, read_timeout_seconds=read_timeout_seconds))


class Queue:
    """A queue of its own for one test."""

    def __init__(self, client: Any, url: str) -> None:
        self.client = client
        self.url = url

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.url.rpartition("/")[2]

    async def send(self, bodies: Sequence[str], group: str | None = None) -> None:
        """Send messages one after the other; to a FIFO queue in a group."""
        extra = {"MessageGroupId": group} if group is not None else {}
        for body in bodies:
            await self.client.send_message(QueueUrl=self.url, MessageBody=body, **extra)

    async def attribute(self, name: str) -> str:
        """Return an attribute as GetQueueAttributes has it."""
        answer = await self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return str(answer["Attributes"][name])

    async def depth(self) -> tuple[int, int]:
        """Return how many messages wait and how many are in flight."""
        return (
            int(await self.attribute("ApproximateNumberOfMessages")),
            int(await self.attribute("ApproximateNumberOfMessagesNotVisible")),
        )

    async def delete(self) -> None:
        """Remove the queue."""
        await self.client.delete_queue(QueueUrl=self.url)


async def make_queue(clients: AwsClients, *, visibility_seconds: int = 30, **attributes: str) -> Queue:
    """Make a queue under a fresh name; FifoQueue="true" makes a FIFO queue with content-based deduplication."""
    client = await clients.client("sqs")
    name = f"orders-{uuid.uuid4()}"
    if attributes.get("FifoQueue") == "true":
        name += ".fifo"
        attributes["ContentBasedDeduplication"] = "true"
    answer = await client.create_queue(
        QueueName=name, Attributes={"VisibilityTimeout": str(visibility_seconds), **attributes}
    )
    return Queue(client, answer["QueueUrl"])
