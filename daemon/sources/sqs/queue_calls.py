"""The calls of one SQS queue, and nothing else: the files beside this one talk to SQS through this class only.

Answers are turned into our own types here, errors by clients/; batches name the entries that failed by their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import anyio
import msgspec

from daemon.clients import AwsClients, answered, aws_errors, entry_error, region_of
from daemon.clients.hot_calls import (
    DELETE_MESSAGE_BATCH,
    RECEIVE_MESSAGE,
    BatchAnswer,
    HotCall,
    ReceivedMessage,
    ReceivedMessages,
)
from daemon.errors import EffectError, FailureKind, RetryableError

BATCH_ENTRIES = 10
"""The most entries of a batch call and messages of a receive.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

_PASSED_OVER = RetryableError(FailureKind.SERVER_ERROR, "an answer that passes an entry over")
_SYSTEM_ATTRIBUTES = ["ApproximateReceiveCount", "MessageGroupId", "SentTimestamp"]


class Message(msgspec.Struct, frozen=True, gc=False):
    """A received message."""

    message_id: str
    handle: str
    body: bytes
    attributes: Mapping[str, str]
    """System attributes: ApproximateReceiveCount, SentTimestamp, on FIFO queues MessageGroupId."""
    attempt: int = 1


class QueueAddress(msgspec.Struct, frozen=True):
    """Names a queue: by its URL, or by name, owner (None: the caller's own account) and region (None: the default)."""

    url: str | None
    name: str | None = None
    owner_account_id: str | None = None
    region: str | None = None


class QueueCalls:
    """The calls of one queue; every one raises RetryableError or PermanentError.  `reach` comes first."""

    def __init__(self, aws: AwsClients, address: QueueAddress, wait_seconds: int) -> None:
        self._aws = aws
        self._address = address
        self._wait_seconds = wait_seconds
        self._region = address.region or (region_of(address.url) if address.url else None)
        self._url = address.url
        self._receive: HotCall[ReceivedMessages] | None = None
        self._delete: HotCall[BatchAnswer] | None = None

    async def reach(self) -> str:
        """Find the queue's URL, where only its name is known, and return it."""
        if self._url is None:
            owner = {"QueueOwnerAWSAccountId": self._address.owner_account_id} if self._address.owner_account_id else {}
            client = await self._client()
            with self._call():
                answer = await client.get_queue_url(QueueName=self._address.name, **owner)
                self._url = str(answered(answer, "QueueUrl"))
        return self._url

    async def receive(self, most: int, hidden_seconds: int) -> list[Message]:
        """Wait for up to `most` messages, hidden from others for so long from now on."""
        if self._receive is None:
            self._receive = await self._aws.hot_call(
                RECEIVE_MESSAGE, self._region, long_poll_seconds=float(self._wait_seconds)
            )
        answer = await self._receive(
            {
                "QueueUrl": self._url,
                "MaxNumberOfMessages": most,
                "WaitTimeSeconds": self._wait_seconds,
                "VisibilityTimeout": hidden_seconds,
                "MessageSystemAttributeNames": _SYSTEM_ATTRIBUTES,
            }
        )
        with aws_errors():
            return [read_message(message) for message in answer.Messages]

    async def delete(self, handles: Sequence[str]) -> dict[int, EffectError]:
        """Delete up to BATCH_ENTRIES messages; return the failed ones by place."""
        if self._delete is None:
            self._delete = await self._aws.hot_call(DELETE_MESSAGE_BATCH, self._region)
        answer = await self._delete(
            {
                "QueueUrl": self._url,
                "Entries": [{"Id": str(place), "ReceiptHandle": handle} for place, handle in enumerate(handles)],
            }
        )
        return _failed(answer, len(handles))

    async def hide(self, messages: Sequence[tuple[str, int]]) -> dict[int, EffectError]:
        """Hide up to BATCH_ENTRIES messages, each (handle, seconds from now on; 0 = show it at once).

        Returns the failed ones by place.
        """
        client = await self._client()
        with self._call():
            answer = await client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(place), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                    for place, (handle, seconds) in enumerate(messages)
                ],
            )
            return _failed(msgspec.convert(answer, BatchAnswer), len(messages))

    async def attributes(self) -> dict[str, str]:
        """Return the queue's attributes (GetQueueAttributes, All)."""
        client = await self._client()
        with self._call():
            answer = await client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])
            return dict(answered(answer, "Attributes"))

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Translate errors, and give up on an answer that drips in; the hot calls do both by themselves."""
        with aws_errors(), anyio.fail_after(self._aws.answer_seconds):
            yield

    async def _client(self) -> Any:
        return await self._aws.client("sqs", self._region)


def read_message(message: ReceivedMessage) -> Message:
    """Turn one message of an answer into ours; half a surrogate pair, which JSON can carry, must not stop the rest."""
    return Message(
        message_id=message.MessageId,
        handle=message.ReceiptHandle,
        body=message.Body.encode("utf-8", "surrogatepass"),
        attributes=message.Attributes,
        attempt=int(message.Attributes.get("ApproximateReceiveCount", "1")),
    )


def _failed(answer: BatchAnswer, entries: int) -> dict[int, EffectError]:
    """Return by place the entries that failed, and those that the answer passes over."""
    if len(answer.Successful) == entries:
        return {}
    done = {entry.Id for entry in answer.Successful}
    failed = {entry.Id: entry_error(msgspec.structs.asdict(entry)) for entry in answer.Failed}
    return {place: failed.get(str(place), _PASSED_OVER) for place in range(entries) if str(place) not in done}
