"""Notifications through SNS topics, and what becomes of answers that are none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.sinks.base import Sink
from daemon.sinks.message import LARGEST_MESSAGE_BYTES
from daemon.sinks.sns import SnsConfig
from tests.emulators import REGION
from tests.servers import Answer, Server, serve, status
from tests.sinks.aws_rigs import drain, make_topic
from tests.sinks.examples import EVENT, notice
from tests.sinks.rigs import build_sink

pytestmark = pytest.mark.anyio

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"


@pytest.fixture(scope="module")
async def faulty() -> AsyncIterator[tuple[Server, Sink]]:
    """Yield a server, and a sink that takes it for SNS: making clients takes long, so all tests share one."""
    async with serve() as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        yield server, build_sink(aws, {"type": "sns", "topic_arn": TOPIC})
        await aws.close()


def _error(code: int, name: str, message: str = "no") -> Answer:
    text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{name}</Code><Message>{message}</Message></Error>"
    return status(code, {"Content-Type": "text/xml"}, f"{text}<RequestId>1</RequestId></ErrorResponse>".encode())


async def test_subject_and_attributes(ministack_clients: AwsClients) -> None:
    """Subscribers get a subject for people, and rule, severity and key for filter policies."""
    topic, url = await make_topic(ministack_clients)
    sent = notice()
    await build_sink(ministack_clients, {"type": "sns", "topic_arn": topic}).send(sent)
    (message,) = await drain(ministack_clients, url)
    envelope = json.loads(message["Body"])
    assert envelope["Subject"] == "[HIGH] instance-started 123456789012/us-east-1: An instance was started"
    attributes = {name: value["Value"] for name, value in envelope["MessageAttributes"].items()}
    assert attributes == {"rule": "instance-started", "severity": "high", "vigild-key": sent.key}


async def test_a_fifo_topic_drops_copies(ministack_clients: AwsClients) -> None:
    """A copy sent after a crash is taken and dropped by the topic itself."""
    topic, url = await make_topic(ministack_clients, fifo=True)
    sink = build_sink(ministack_clients, {"type": "sns", "topic_arn": topic})
    first, second = notice(), notice()
    for sent in (first, first, second):
        await sink.send(sent)
    bodies = [json.loads(message["Body"])["Message"] for message in await drain(ministack_clients, url)]
    assert [json.loads(body)["key"] for body in bodies] == [first.key, second.key]


async def test_a_topic_that_is_not_there(ministack_clients: AwsClients) -> None:
    """A deleted topic is a permanent error for sending and for checking."""
    topic, _ = await make_topic(ministack_clients)
    sink = build_sink(ministack_clients, {"type": "sns", "topic_arn": f"{topic}-gone"})
    with pytest.raises(PermanentError, match="not_found"):
        await sink.send(notice())
    with pytest.raises(PermanentError, match="not_found"):
        await sink.check()


async def test_the_call_goes_to_the_region_of_the_topic(faulty: tuple[Server, Sink]) -> None:
    """The ARN decides, wherever the daemon runs."""
    server, sink = faulty
    server.answers = [_error(500, "InternalError")]
    server.requests.clear()
    with pytest.raises(RetryableError):
        await sink.send(notice())
    (request,) = server.requests
    assert "/eu-west-1/sns/aws4_request" in request.headers["Authorization"]


async def test_what_is_over_the_limit_is_not_sent(faulty: tuple[Server, Sink]) -> None:
    """More than 1 MiB is refused before anything goes over the line."""
    server, sink = faulty
    server.requests.clear()
    with pytest.raises(PermanentError, match="1048576"):
        await sink.send(notice(EVENT.replace(b"running", b"x" * LARGEST_MESSAGE_BYTES)))
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "error", "kind"),
    [
        (_error(429, "Throttled"), RetryableError, FailureKind.THROTTLED),
        (_error(400, "KMSThrottling"), RetryableError, FailureKind.THROTTLED),
        (_error(403, "AuthorizationError"), PermanentError, FailureKind.ACCESS_DENIED),
        (_error(400, "KMSAccessDenied"), PermanentError, FailureKind.ACCESS_DENIED),
        (_error(403, "InvalidClientTokenId"), RetryableError, FailureKind.CREDENTIALS),
        (_error(404, "NotFound"), PermanentError, FailureKind.NOT_FOUND),
        (_error(400, "InvalidParameter", "Message too long"), PermanentError, FailureKind.REFUSED),
        (status(200, {"Content-Type": "text/html"}, b"<html>not closed"), RetryableError, FailureKind.SERVER_ERROR),
        (status(200, {"Content-Type": "text/html"}, b"<html/>"), RetryableError, FailureKind.SERVER_ERROR),
    ],
)
async def test_failures(
    faulty: tuple[Server, Sink], answer: Answer, error: type[EffectError], kind: FailureKind
) -> None:
    """What SNS in particular says has its error and kind, for sending and for checking."""
    server, sink = faulty
    server.answers = [answer]
    with pytest.raises(error) as caught:
        await sink.send(notice())
    assert caught.value.kind is kind
    with pytest.raises(error) as caught:
        await sink.check()
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    "arn", ["alerts", "arn:aws:sqs:eu-west-1:123456789012:alerts", f"{TOPIC}:1", "arn:aws:sns:::a"]
)
async def test_what_is_no_topic_arn_is_refused(arn: str) -> None:
    """Names, queues and subscriptions are no topics; the mistake stops the start."""
    with pytest.raises(ValidationError):
        SnsConfig.model_validate({"type": "sns", "topic_arn": arn})
