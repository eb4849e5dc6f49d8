"""Receives from an SQS queue.  The pipeline calls it through base.Source; it leans on three files of its own:
queue_calls.py (the calls), visibility.py (what is in work stays hidden), acks.py (what is finished is deleted).

Stopping: a long poll that is cut may strand what SQS was just answering with, until its visibility timeout ends.  So
`quiesce` only keeps new polls from starting: on a busy queue those under way return in no time and lose nothing, on an
idle one the pipeline cancels them after a short grace, when there is next to nothing to strand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NoReturn, Self, cast

import anyio
import orjson
from pydantic import Field, model_validator

from daemon.clients import aws_errors
from daemon.clients.estate import AccountId
from daemon.errors import EffectError, FailureKind, PermanentError
from daemon.event import Delivery
from daemon.grants import Grant, Place, queue_arn
from daemon.sources.base import REDRIVE, EndOfSource, Progress, SourceConfig, SourceContext
from daemon.sources.sqs.acks import Acknowledger
from daemon.sources.sqs.queue_calls import BATCH_ENTRIES, Message, QueueAddress, QueueCalls
from daemon.sources.sqs.visibility import InWork, Visibility
from daemon.telemetry.names import Settlement
from daemon.text_form import TextForm

_REREAD_SECONDS = 300.0
_LEAST_VISIBILITY_SECONDS = 1
"""A queue may have 0, which hides a message from nobody, not even from our own next receive."""
_SHORT_VISIBILITY_SECONDS = 30
_FEW_RECEIVES = 3

QueueUrl = Annotated[
    str,
    TextForm(r"^https?://[^/]+/.+", "the URL of a queue", "https://sqs.eu-west-1.amazonaws.com/123456789012/events"),
]
QueueName = Annotated[
    str,
    TextForm(
        r"^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$",
        "the name of a queue: at most 80 letters, digits, _ and -, and perhaps .fifo",
        "events",
    ),
]


class SqsConfig(SourceConfig):
    """An SQS queue, standard or FIFO.

    Needs sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes; with queue_name
    also sqs:GetQueueUrl.
    """

    type: Literal["sqs"] = "sqs"
    queue_url: QueueUrl | None = None
    """This or queue_name.  The region is taken from it."""
    queue_name: QueueName | None = None
    queue_owner_account_id: AccountId | None = None
    """With queue_name: the account that owns the queue, where it is not the caller's own."""
    region: str | None = None
    """Where the queue is, if neither its URL nor the default region says so."""
    receivers: int = Field(default=2, ge=1, le=64)
    """How many long polls run at the same time, and how many deletes."""
    batch_size: int = Field(default=BATCH_ENTRIES, ge=1, le=BATCH_ENTRIES)
    """How many messages a receive may return."""
    wait_seconds: int = Field(default=20, ge=0, le=20)
    """How long a poll waits for a first message."""
    visibility_timeout_seconds: int | None = Field(default=None, ge=1, le=43_200)
    """How long a message stays hidden before it is hidden anew, and so how long it takes to come back after a crash.
    None: the queue's own setting, read every five minutes."""

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.queue_url is None) == (self.queue_name is None):
            raise ValueError("give either queue_url or queue_name")
        if self.queue_owner_account_id is not None and self.queue_name is None:
            raise ValueError("queue_owner_account_id goes with queue_name")
        return self

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """See SourceConfig."""
        actions = ["ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"]
        if self.queue_url is not None:
            arn = queue_arn(self.queue_url, place)
        else:
            actions.append("GetQueueUrl")
            owner = self.queue_owner_account_id or place.account
            arn = f"arn:aws:sqs:{self.region or place.region}:{owner}:{self.queue_name}"
        return (Grant(tuple(f"sqs:{action}" for action in actions), (arn,)),)


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    """Where SQS moves a message that was received too often."""

    dead_letter_arn: str
    max_receive_count: int


class SqsSource:
    """See base.Source.  Messages of one MessageGroupId of a FIFO queue share an order_key."""

    def __init__(self, name: str, config: SqsConfig, context: SourceContext) -> None:
        self.name = name
        self.receivers = config.receivers
        self.redelivers = True
        self.redrive: RedrivePolicy | None = None
        """The queue's own dead-letter rule; what is settled as RELEASED counts towards it."""
        self._config = config
        self._clock = context.clock
        address = QueueAddress(config.queue_url, config.queue_name, config.queue_owner_account_id, config.region)
        self._calls = QueueCalls(context.aws, address, config.wait_seconds)
        self._visibility = Visibility(name, self._calls, context)
        self._acks = Acknowledger(name, self._calls, self._visibility, context)
        self._is_fifo = False
        self._quiet = False

    async def open(self) -> None:
        """See base.Source: finds the queue and reads its attributes."""
        await self._read_attributes()
        self._refuse_to_go_round()

    async def run(self) -> None:
        """See base.Source: heartbeats, deletes, and what the queue's owner changes."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._visibility.keep)
            tasks.start_soon(self._keep_reading_attributes)
            for _ in range(self.receivers):
                tasks.start_soon(self._acks.keep_sending)

    async def receive(self) -> Sequence[Delivery]:
        """See base.Source: one long poll.  A message that is in work already is not handed out twice."""
        if self._quiet:
            raise EndOfSource
        messages = await self._calls.receive(self._config.batch_size, self._visibility.seconds)
        now = self._clock.now()
        return [
            self._delivery(message, work, now)
            for message, work in zip(messages, self._visibility.admit(messages), strict=True)
            if work is not None
        ]

    async def settle(self, deliveries: Sequence[Delivery], settlement: Settlement) -> None:
        """See base.Source: deletes soon; releases at once, and what comes again and again after a while."""
        works = [cast("InWork", delivery.receipt) for delivery in deliveries]
        if settlement is Settlement.RELEASED:
            await self._visibility.release(works)
        else:
            await self._acks.add(works)

    def quiesce(self) -> None:
        """See base.Source."""
        self._quiet = True

    async def flush(self) -> None:
        """See base.Source: waits for the deletes under way."""
        await self._acks.flush()

    async def check(self) -> str:
        """See base.Source: GetQueueAttributes and nothing else; ends with what is unwise about the queue."""
        attributes = await self._read_attributes()
        self._refuse_to_go_round()
        waiting = attributes.get("ApproximateNumberOfMessages", "?")
        in_flight = attributes.get("ApproximateNumberOfMessagesNotVisible", "?")
        facts = [f"about {waiting} messages waiting, {in_flight} in flight"]
        facts.append(f"visibility timeout {self._visibility.seconds} s")
        if self.redrive is None:
            facts.append("no dead-letter queue")
        else:
            name = self.redrive.dead_letter_arn.rpartition(":")[2]
            facts.append(f"dead-letter queue {name} after {self.redrive.max_receive_count} receives")
        return ", ".join(facts) + "".join(f"; warning: {warning}" for warning in self._warnings())

    def _refuse_to_go_round(self) -> None:
        """Raise PermanentError where what cannot be read would be given back for ever."""
        if self._config.dead_letter == REDRIVE and self.redrive is None:
            detail = "`dead_letter: redrive` leaves messages to the queue's RedrivePolicy, and the queue has none"
            raise PermanentError(FailureKind.REFUSED, detail)

    def _warnings(self) -> list[str]:
        warnings = []
        if self._visibility.seconds < _SHORT_VISIBILITY_SECONDS:
            warnings.append(
                f"a visibility timeout under {_SHORT_VISIBILITY_SECONDS} s leaves little time to renew it when SQS"
                " is slow: messages may be delivered twice"
            )
        if self.redrive is not None and self.redrive.max_receive_count < _FEW_RECEIVES:
            warnings.append(
                f"maxReceiveCount under {_FEW_RECEIVES} sends messages to the dead-letter queue after a restart or two"
            )
        return warnings

    def progress(self) -> Progress | None:
        """See base.Source: a queue has no end."""
        return None

    async def close(self) -> None:
        """See base.Source: there is nothing to let go of; clients are closed by who made them."""

    def _delivery(self, message: Message, work: InWork, now: float) -> Delivery:
        return Delivery(
            source=self.name,
            identity=work.identity,
            body=message.body,
            receipt=work,
            received_at=now,
            attempt=message.attempt,
            # On a standard queue a group only makes SQS share out fairly; it promises no order.
            order_key=message.attributes.get("MessageGroupId") if self._is_fifo else None,
            attributes=message.attributes,
        )

    async def _keep_reading_attributes(self) -> NoReturn:
        while True:
            await self._clock.sleep(_REREAD_SECONDS)
            try:
                await self._read_attributes()
            except EffectError:
                # What was read before still holds as far as anyone knows; receive reports a queue that is away.
                continue

    async def _read_attributes(self) -> Mapping[str, str]:
        url = await self._calls.reach()
        attributes = await self._calls.attributes()
        with aws_errors():
            own = int(attributes.get("VisibilityTimeout", _SHORT_VISIBILITY_SECONDS))
        self._visibility.seconds = self._config.visibility_timeout_seconds or max(own, _LEAST_VISIBILITY_SECONDS)
        self._is_fifo = url.endswith(".fifo")
        self.redrive = _redrive_policy(attributes.get("RedrivePolicy"))
        return attributes


def _redrive_policy(text: str | None) -> RedrivePolicy | None:
    if not text:
        return None
    try:
        policy = orjson.loads(text)
        return RedrivePolicy(str(policy["deadLetterTargetArn"]), int(policy["maxReceiveCount"]))
    except (ValueError, KeyError, TypeError) as error:
        raise PermanentError(FailureKind.REFUSED, f"RedrivePolicy is not what SQS documents: {text[:200]}") from error
