"""Alerts as SNS notifications: mail, chat, functions, queues behind one topic."""

from __future__ import annotations

from typing import Annotated, Literal

from anyio import fail_after

from daemon.clients import answered, aws_errors
from daemon.grants import Grant, Place
from daemon.sinks.base import Notice, SinkConfig, SinkContext
from daemon.sinks.message import message_of
from daemon.text_form import TextForm

TopicArn = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:sns:[a-z]+(-[a-z]+)+-[0-9]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$",
        "the ARN of a topic",
        "arn:aws:sns:eu-west-1:123456789012:alerts",
    ),
]


class SnsConfig(SinkConfig):
    """Needs the permissions sns:Publish and, for `vigild check`, sns:GetTopicAttributes."""

    type: Literal["sns"]
    topic_arn: TopicArn
    """Its region is where the call goes.  A name that ends in .fifo is published to with the rule as message group and
    the notice's key as deduplication id."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """See SinkConfig."""
        del place
        return (Grant(("sns:Publish", "sns:GetTopicAttributes"), (self.topic_arn,)),)


class SnsSink:
    """One Publish a notice, with attributes rule, severity and vigild-key for filter policies."""

    def __init__(self, _name: str, config: SnsConfig, context: SinkContext) -> None:
        self._topic = config.topic_arn
        self._region = config.topic_arn.split(":")[3]
        self._timeout = config.timeout_seconds
        self._aws = context.aws

    async def open(self) -> None:
        """See Sink."""
        await self._aws.client("sns", self._region)

    async def send(self, notice: Notice) -> None:
        """See Sink."""
        message = message_of(notice)
        parameters = message.parameters(fifo=self._topic.endswith(".fifo"))
        client = await self._aws.client("sns", self._region)
        with aws_errors(), fail_after(self._timeout):
            answer = await client.publish(
                TopicArn=self._topic, Message=message.text, Subject=notice.subject, **parameters
            )
        answered(answer, "MessageId")

    async def check(self) -> str:
        """See Sink."""
        client = await self._aws.client("sns", self._region)
        with aws_errors(), fail_after(self._timeout):
            answer = await client.get_topic_attributes(TopicArn=self._topic)
        found = answered(answer, "Attributes")
        return f"{self._topic}: {found.get('SubscriptionsConfirmed', '?')} subscriptions"

    async def close(self) -> None:
        """See Sink; whoever made the AWS clients closes them."""
