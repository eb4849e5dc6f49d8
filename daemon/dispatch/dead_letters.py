"""Where events that cannot be read and intents that finally failed are kept, with the reason, until a person looks.

dispatcher.py parks intents, pipeline/ parks rejections; both acknowledge only after park has returned.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec
from pydantic import Field

from daemon.dispatch.context import DispatchContext
from daemon.errors import PermanentError, RetryableError
from daemon.event import Delivery, Rejection
from daemon.retry import RetryPolicy, retrying
from daemon.sinks.appender import FileAppender
from daemon.sinks.base import SinkContext
from daemon.sinks.message import LARGEST_MESSAGE_BYTES, Message
from daemon.sinks.sqs import QueueSender, QueueUrl
from daemon.sinks.text import json_text
from daemon.telemetry.conditions import ParkingFailed
from daemon.telemetry.signals import LetterParked
from daemon.yaml_file import Strict

_MOST_BODY_BYTES = 1024**2
_QUEUE_TIMEOUT_SECONDS = 10.0
_POLICY = RetryPolicy(base_seconds=0.5, cap_seconds=30.0, max_age_seconds=None, max_attempts=None)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a dead-letter file, or one message of a dead-letter queue."""

    id: str
    """The intent's id, or the identity of what was rejected."""
    parked_at: float
    """Seconds since the epoch."""
    origin: Literal["source", "target"]
    name: str
    """Of the source or target."""
    reason: str
    """A RejectReason or FailureKind."""
    detail: str
    attempts: int = 0
    rule: str = ""
    identity: str = ""
    """Of the event, where it could be read."""
    event: msgspec.Raw = msgspec.Raw(b"null")
    """The whole event, where it could be read."""
    body: str = ""
    """Else its bytes as text, in base64 where `body_encoding` says so, cut to 1 MiB."""
    body_encoding: Literal["", "base64"] = ""
    body_bytes: int = 0
    """Length before the cut."""


def _quote_body(body: bytes) -> dict[str, Any]:
    """Return the fields of a DeadLetter that hold unreadable bytes."""
    cut = body[:_MOST_BODY_BYTES]
    try:
        return {"body": cut.decode(), "body_bytes": len(body)}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(cut).decode(), "body_encoding": "base64", "body_bytes": len(body)}


def rejection_letter(delivery: Delivery, rejection: Rejection, now: float) -> DeadLetter:
    """Return the letter for what a source delivered and nobody could read."""
    return DeadLetter(
        id=rejection.identity,
        parked_at=now,
        origin="source",
        name=delivery.source,
        reason=rejection.reason,
        detail=rejection.detail,
        attempts=delivery.attempt,
        **_quote_body(rejection.body),
    )


def _text(letter: DeadLetter) -> str:
    """Return the letter as one line that files and queues take: the event in it is as it came, line ends and all."""
    return json_text(msgspec.json.encode(letter))


class FileDeadLetterConfig(Strict):
    """Dead letters as lines of a file."""

    type: Literal["file"] = "file"
    path: Path = Path("var/dead-letters.ndjson")
    """One JSON object a line; the folder is made when missing."""


class QueueDeadLetterConfig(Strict):
    """Dead letters as messages of an SQS queue."""

    type: Literal["sqs"]
    queue_url: QueueUrl


DeadLetterConfig = Annotated[FileDeadLetterConfig | QueueDeadLetterConfig, Field(discriminator="type")]


class DeadLetterPlace(Protocol):
    """A place that keeps letters."""

    async def park(self, letter: DeadLetter) -> None:
        """Return once the letter is safe.  Raises RetryableError or PermanentError."""


def build_dead_letters(
    configs: Mapping[str, FileDeadLetterConfig | QueueDeadLetterConfig],
    sinks: SinkContext,
    context: DispatchContext,
) -> dict[str, DeadLetters]:
    """Return the places of the configuration; "default" takes what is too large for a queue's messages."""
    spare = FileDeadLetters(FileDeadLetterConfig())
    places: dict[str, DeadLetters] = {}
    for name, config in configs.items():
        if isinstance(config, FileDeadLetterConfig):
            places[name] = DeadLetters(name, FileDeadLetters(config), context)
        else:
            places[name] = DeadLetters(name, QueueDeadLetters(config, sinks, spare), context)
    return places


class DeadLetters:
    """A named place that parking goes on at until it has succeeded: nothing is acknowledged before."""

    def __init__(self, name: str, place: DeadLetterPlace, context: DispatchContext) -> None:
        self.name = name
        self._place = place
        self._context = context

    async def park(self, letter: DeadLetter) -> None:
        """Return once the letter is safe; only cancellation ends it earlier."""

        async def attempt() -> None:
            try:
                await self._place.park(letter)
            except PermanentError as error:
                raise RetryableError(error.kind, error.detail) from error

        await retrying(attempt, _POLICY, self._context.clock, self._context.rng, on_failure=self._failed)
        self._context.telemetry.emit(LetterParked(self.name, letter.reason))

    def _failed(self, error: RetryableError, _attempt: int, wait: float) -> None:
        self._context.telemetry.emit(ParkingFailed(self.name, error.kind, error.detail, wait))


class FileDeadLetters:
    """Letters in a file."""

    def __init__(self, config: FileDeadLetterConfig) -> None:
        self._appender = FileAppender(config.path)

    async def park(self, letter: DeadLetter) -> None:
        """See DeadLetterPlace."""
        await self._appender.append(_text(letter).encode())


class QueueDeadLetters:
    """Letters in a queue; one too large for a message goes to the spare place."""

    def __init__(self, config: QueueDeadLetterConfig, context: SinkContext, spare: DeadLetterPlace) -> None:
        self._sender = QueueSender(context.aws, config.queue_url, _QUEUE_TIMEOUT_SECONDS)
        self._spare = spare

    async def park(self, letter: DeadLetter) -> None:
        """See DeadLetterPlace."""
        message = Message(
            _text(letter), {"reason": letter.reason, "name": letter.name}, group=letter.name, deduplication=letter.id
        )
        if message.size > LARGEST_MESSAGE_BYTES:
            await self._spare.park(letter)
        else:
            await self._sender.send(message)
