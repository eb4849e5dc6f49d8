"""Alerts as SQS messages.  dispatch/ sends its dead letters through the same QueueSender."""

from __future__ import annotations

from typing import Annotated, Literal

from anyio import fail_after
from pydantic import StringConstraints

from daemon.clients import AwsClients, answered, aws_errors, region_of
from daemon.grants import Grant, Place, queue_arn
from daemon.sinks.base import Notice, SinkConfig, SinkContext
from daemon.sinks.message import Message, message_of
from daemon.text_form import TextForm

QueueUrl = Annotated[
    str,
    StringConstraints(max_length=512),
    TextForm(
        r"^https?://[^/?#\s]+/[^?#\s]+$",
        "the URL of a queue",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/alerts",
    ),
]


class SqsConfig(SinkConfig):
    """Needs the permissions sqs:SendMessage and, for `vigild check`, sqs:GetQueueAttributes."""

    type: Literal["sqs"]
    queue_url: QueueUrl
    """As SQS shows it: https://sqs.<region>.amazonaws.com/<account>/<name>.  A name that ends in .fifo is sent to with
    the rule as message group and the notice's key as deduplication id."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """See SinkConfig."""
        return (Grant(("sqs:SendMessage", "sqs:GetQueueAttributes"), (queue_arn(self.queue_url, place),)),)


class QueueSender:
    """Sends to one queue, in the region that its URL names."""

    def __init__(self, aws: AwsClients, queue_url: QueueUrl, timeout_seconds: float) -> None:
        self._aws = aws
        self._url = queue_url
        self._timeout = timeout_seconds
        self._region = region_of(queue_url)

    async def open(self) -> None:
        """Make the client; sending makes it as well where this was left out.  Raises ConfigError without a region."""
        await self._aws.client("sqs", self._region)

    async def send(self, message: Message) -> None:
        """Send once.  Raises RetryableError or PermanentError, the latter also for what is over 1 MiB."""
        parameters = message.parameters(fifo=self._url.endswith(".fifo"))
        client = await self._aws.client("sqs", self._region)
        with aws_errors(), fail_after(self._timeout):
            answer = await client.send_message(QueueUrl=self._url, MessageBody=message.text, **parameters)
        answered(answer, "MessageId")

    async def check(self) -> str:
        """Return the queue's ARN and depth.  Raises RetryableError or PermanentError."""
        client = await self._aws.client("sqs", self._region)
        with aws_errors(), fail_after(self._timeout):
            answer = await client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["QueueArn", "ApproximateNumberOfMessages"]
            )
        found = answered(answer, "Attributes")
        return f"{found.get('QueueArn', self._url)}: {found.get('ApproximateNumberOfMessages', '?')} messages"


class SqsSink:
    """One message a notice, with attributes rule, severity and vigild-key."""

    def __init__(self, _name: str, config: SqsConfig, context: SinkContext) -> None:
        self._queue = QueueSender(context.aws, config.queue_url, config.timeout_seconds)

    async def open(self) -> None:
        """See Sink."""
        await self._queue.open()

    async def send(self, notice: Notice) -> None:
        """See Sink."""
        await self._queue.send(message_of(notice))

    async def check(self) -> str:
        """See Sink."""
        return await self._queue.check()

    async def close(self) -> None:
        """See Sink; whoever made the AWS clients closes them."""
