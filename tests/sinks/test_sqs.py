"""Messages in SQS queues, and what becomes of answers that are none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import ConfigError, EffectError, FailureKind, PermanentError, RetryableError
from daemon.sinks.message import LARGEST_MESSAGE_BYTES, Message
from daemon.sinks.sqs import QueueSender, SqsConfig
from tests.emulators import REGION, free_port
from tests.servers import Answer, Server, serve, status
from tests.sinks.aws_rigs import drain, make_queue
from tests.sinks.examples import EVENT, notice
from tests.sinks.rigs import build_sink

pytestmark = pytest.mark.anyio

QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/alerts"


@pytest.fixture(scope="module")
async def faulty() -> AsyncIterator[tuple[Server, AwsClients]]:
    """Yield a server, and AWS clients that take it for AWS: making clients takes long, so all tests share them."""
    async with serve() as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        yield server, aws
        await aws.close()


def _sender(aws: AwsClients, url: str = "http://127.0.0.1/123456789012/alerts") -> QueueSender:
    return QueueSender(aws, url, timeout_seconds=10.0)


def _error(code: int, name: str, message: str = "no") -> Answer:
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-query-error": f"{name};Sender"}
    body = json.dumps({"__type": f"com.amazonaws.sqs#{name}", "message": message})
    return status(code, headers, body.encode())


async def test_attributes(roto_clients: AwsClients) -> None:
    """Rule, severity and key travel as attributes, so that a consumer can filter without parsing."""
    url = await make_queue(roto_clients)
    sent = notice()
    await build_sink(roto_clients, {"type": "sqs", "queue_url": url}).send(sent)
    (message,) = await drain(roto_clients, url)
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {"rule": "instance-started", "severity": "high", "vigild-key": sent.key}


async def test_a_fifo_queue_drops_copies(roto_clients: AwsClients) -> None:
    """A copy sent after a crash is taken and dropped by the queue itself; one rule's messages stay in order."""
    url = await make_queue(roto_clients, fifo=True)
    sink = build_sink(roto_clients, {"type": "sqs", "queue_url": url})
    first, second = notice(), notice()
    for sent in (first, first, second, first):
        await sink.send(sent)
    messages = await drain(roto_clients, url)
    assert [json.loads(message["Body"])["key"] for message in messages] == [first.key, second.key]
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"instance-started"}


async def test_what_is_over_the_limit_is_not_sent(faulty: tuple[Server, AwsClients]) -> None:
    """More than 1 MiB of text and attributes is refused before anything goes over the line."""
    server, aws = faulty
    server.requests.clear()
    exact = Message("x" * (LARGEST_MESSAGE_BYTES - len("nameStringvalue")), {"name": "value"}, "", "")
    assert exact.parameters(fifo=False)
    with pytest.raises(PermanentError, match=f"{LARGEST_MESSAGE_BYTES + 1} bytes"):
        await _sender(aws).send(Message(exact.text + "x", exact.attributes, "", ""))
    assert server.requests == []


def test_ids_of_any_text() -> None:
    """What SQS would refuse as a group or deduplication id goes as its hash, the same at every attempt."""
    allowed = Message("text", {}, "a" * 128, "!~").parameters(fifo=True)
    assert (allowed["MessageGroupId"], allowed["MessageDeduplicationId"]) == ("a" * 128, "!~")
    hashed = Message("text", {}, "a b", "caf\u00e9").parameters(fifo=True)
    assert hashed["MessageGroupId"] == hashlib.sha256(b"a b").hexdigest()
    assert hashed["MessageDeduplicationId"] == hashlib.sha256("caf\u00e9".encode()).hexdigest()


async def test_an_oversized_event_is_a_permanent_error(roto_clients: AwsClients) -> None:
    """A notice that no queue can hold is parked."""
    url = await make_queue(roto_clients)
    with pytest.raises(PermanentError, match="1048576"):
        await build_sink(roto_clients, {"type": "sqs", "queue_url": url}).send(
            notice(EVENT.replace(b"running", b"x" * LARGEST_MESSAGE_BYTES))
        )


async def test_a_queue_that_is_not_there(roto_clients: AwsClients) -> None:
    """A deleted queue is a permanent error for sending and for checking."""
    url = await make_queue(roto_clients)
    sink = build_sink(roto_clients, {"type": "sqs", "queue_url": f"{url}-gone"})
    with pytest.raises(PermanentError, match="not_found"):
        await sink.send(notice())
    with pytest.raises(PermanentError, match="not_found"):
        await sink.check()


@pytest.mark.parametrize(
    ("answer", "error", "kind"),
    [
        (_error(400, "RequestThrottled"), RetryableError, FailureKind.THROTTLED),
        (_error(400, "KmsThrottled"), RetryableError, FailureKind.THROTTLED),
        (_error(403, "AccessDeniedException"), PermanentError, FailureKind.ACCESS_DENIED),
        (_error(400, "KmsAccessDenied"), PermanentError, FailureKind.ACCESS_DENIED),
        (_error(403, "ExpiredToken"), RetryableError, FailureKind.CREDENTIALS),
        (_error(400, "InvalidMessageContents"), PermanentError, FailureKind.REFUSED),
        (status(429), RetryableError, FailureKind.THROTTLED),
        (status(502, {"Content-Type": "text/html"}, b"<html>"), RetryableError, FailureKind.SERVER_ERROR),
        (status(200, {"Content-Type": "text/html"}, b"<html>"), RetryableError, FailureKind.SERVER_ERROR),
        (status(200, body=b"[]"), RetryableError, FailureKind.SERVER_ERROR),
        (status(200, body=b"\xff"), RetryableError, FailureKind.SERVER_ERROR),
    ],
)
async def test_failures(
    faulty: tuple[Server, AwsClients], answer: Answer, error: type[EffectError], kind: FailureKind
) -> None:
    """What SQS in particular says has its error and kind, for sending and for checking."""
    server, aws = faulty
    server.answers = [answer]
    with pytest.raises(error) as caught:
        await _sender(aws).send(Message("text", {}, "", ""))
    assert caught.value.kind is kind
    with pytest.raises(error) as caught:
        await _sender(aws).check()
    assert caught.value.kind is kind


async def test_nobody_listening_is_retryable() -> None:
    """SQS out of reach is repeated, not parked."""
    aws = AwsClients(AwsSettings(region=REGION, endpoint_url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(RetryableError, match="unreachable"):
        await _sender(aws).send(Message("text", {}, "", ""))
    await aws.close()


async def test_what_aws_quotes_of_a_bad_signature_stays_out(faulty: tuple[Server, AwsClients]) -> None:
    """AWS answers a wrong signature with the request's own headers, session token included."""
    server, aws = faulty
    server.answers = [_error(403, "InvalidSignatureException", "The Canonical String should have been: TOKEN")]
    with pytest.raises(RetryableError) as caught:
        await _sender(aws).send(Message("text", {}, "", ""))
    assert str(caught.value) == "credentials: SendMessage: InvalidSignatureException"


async def test_the_region_is_in_the_url(faulty: tuple[Server, AwsClients]) -> None:
    """The call is signed for the region of the queue, wherever the daemon runs."""
    server, aws = faulty
    server.answers = [_error(500, "InternalFailure")]
    server.requests.clear()
    with pytest.raises(RetryableError):
        await _sender(aws, QUEUE_URL).send(Message("text", {}, "", ""))
    assert "/eu-west-1/sqs/aws4_request" in server.requests[0].headers["Authorization"]


async def test_without_a_region_nothing_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither URL nor surroundings name a region, the start fails with a sentence."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    sink = build_sink(AwsClients(AwsSettings()), {"type": "sqs", "queue_url": "http://127.0.0.1:4566/1/q"})
    with pytest.raises(ConfigError, match="region"):
        await sink.open()


@pytest.mark.parametrize(
    "url", ["alerts", "arn:aws:sqs:eu-west-1:123456789012:alerts", "https://host", f"{QUEUE_URL}?a"]
)
async def test_what_is_no_queue_url_is_refused(url: str) -> None:
    """Names and ARNs are no URLs; the mistake stops the start."""
    with pytest.raises(ValidationError):
        SqsConfig.model_validate({"type": "sqs", "queue_url": url})
