"""Dead letters as messages of an SQS queue; those too large for a message lie in a file beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

from anyio import fail_after

from daemon.clients import aws_errors, region_of
from daemon.dispatch.dead_letters.file import spare_file
from daemon.dispatch.dead_letters.letter import DeadLetter, letter_text, read_letter
from daemon.dispatch.dead_letters.place import REMOVED_AT_ONCE, Kept, PlaceContext
from daemon.grants import Grant, Place, queue_arn
from daemon.sinks.message import LARGEST_MESSAGE_BYTES, Message
from daemon.sinks.sqs import QueueSender, QueueUrl
from daemon.yaml_file import Strict

_TIMEOUT_SECONDS = 10.0
_HIDDEN_SECONDS = 900
"""How long what is handed out stays hidden from others: longer than a person looks, or a batch takes."""
_WAIT_SECONDS = 1
"""A long poll asks all of SQS's servers, a short one some of them."""
_EMPTY_ANSWERS = 2
_BATCH = 10


class QueueDeadLetterConfig(Strict):
    """Dead letters as messages of an SQS queue.

    The daemon needs sqs:SendMessage, `vigild check` sqs:GetQueueAttributes, and `vigild dead-letters` that one,
    sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility.
    """

    type: Literal["sqs"]
    queue_url: QueueUrl
    too_large_path: Path | None = None
    """A file for letters of more than a message's 1 MiB; without it, var/dead-letters-<place>.ndjson."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """Return what it needs from IAM, with `vigild dead-letters`."""
        actions = ("SendMessage", "GetQueueAttributes", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
        return (Grant(tuple(f"sqs:{action}" for action in actions), (queue_arn(self.queue_url, place),)),)


class QueueDeadLetters:
    """Letters in a queue; a handle is a receipt handle, or what the file beside it made."""

    def __init__(self, name: str, config: QueueDeadLetterConfig, context: PlaceContext) -> None:
        self._url = config.queue_url
        self._aws = context.aws
        self._sender = QueueSender(context.aws, config.queue_url, _TIMEOUT_SECONDS)
        self._spare = spare_file(name, config.too_large_path)
        self._hidden: dict[str, None] = {}
        """Receipt handles of what letters() has handed out and nobody removed."""

    async def park(self, letter: DeadLetter) -> None:
        """See DeadLetterPlace."""
        # A group for each letter: of a FIFO queue's group nobody is shown more while ten messages of it are hidden.
        attributes = {"reason": letter.reason, "name": letter.name}
        message = Message(letter_text(letter), attributes, group=letter.key, deduplication=letter.key)
        if message.size > LARGEST_MESSAGE_BYTES:
            await self._spare.park(letter)
        else:
            await self._sender.send(message)

    async def letters(self) -> AsyncIterator[Kept]:
        """See DeadLetterPlace: what is handed out is hidden from others until it is removed, or close is called."""
        empty, seen = 0, set[str]()
        while empty < _EMPTY_ANSWERS:
            messages = await self._receive()
            empty = 0 if messages else empty + 1
            for message in messages:
                handle = str(message["ReceiptHandle"])
                self._hidden[handle] = None
                if message["MessageId"] not in seen:
                    seen.add(message["MessageId"])
                    yield Kept(read_letter(message["Body"].encode("utf-8", "surrogatepass")), handle)
        async for kept in self._spare.letters():
            yield kept

    async def count(self) -> int:
        """See DeadLetterPlace: as SQS counts, which lags a little."""
        client = await self._client()
        with aws_errors(), fail_after(_TIMEOUT_SECONDS):
            answer = await client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"]) + await self._spare.count()

    async def batch(self) -> int:
        """See DeadLetterPlace."""
        return REMOVED_AT_ONCE

    async def check(self) -> str:
        """See DeadLetterPlace."""
        return await self._sender.check()

    async def remove(self, handles: Sequence[object]) -> int:
        """See DeadLetterPlace."""
        receipts = [handle for handle in handles if isinstance(handle, str)]
        removed = await self._spare.remove([handle for handle in handles if not isinstance(handle, str)])
        client = await self._client()
        for start in range(0, len(receipts), _BATCH):
            batch = receipts[start : start + _BATCH]
            entries = [{"Id": str(place), "ReceiptHandle": handle} for place, handle in enumerate(batch)]
            with aws_errors(), fail_after(_TIMEOUT_SECONDS):
                answer = await client.delete_message_batch(QueueUrl=self._url, Entries=entries)
            for entry in answer.get("Successful", ()):
                self._hidden.pop(batch[int(entry["Id"])], None)
                removed += 1
        return removed

    async def close(self) -> None:
        """See DeadLetterPlace: what was not removed is shown to others again at once."""
        receipts = list(self._hidden)
        self._hidden.clear()
        client = await self._client()
        for start in range(0, len(receipts), _BATCH):
            entries = [
                {"Id": str(place), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for place, handle in enumerate(receipts[start : start + _BATCH])
            ]
            with aws_errors(), fail_after(_TIMEOUT_SECONDS):
                await client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        await self._spare.close()

    async def _receive(self) -> list[Any]:
        client = await self._client()
        with aws_errors(), fail_after(_TIMEOUT_SECONDS + _WAIT_SECONDS):
            answer = await client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_BATCH,
                WaitTimeSeconds=_WAIT_SECONDS,
                VisibilityTimeout=_HIDDEN_SECONDS,
            )
        return list(answer.get("Messages", ()))

    async def _client(self) -> Any:
        return await self._aws.client("sqs", region_of(self._url))
