from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import formatdate

import pytest

from daemon.clients import AwsClients, AwsSettings, aws_errors
from daemon.clients.hot_calls import GET_RECORDS, RECEIVE_MESSAGE
from daemon.clock import SystemClock
from daemon.errors import FailureKind, RetryableError
from tests.clients.hot_calls.both_ways import GET, RECEIVE
from tests.emulators import REGION
from tests.servers import Answer, Received, serve, status

pytestmark = pytest.mark.anyio

TWO_HOURS = 7_200.0


def refusal(code: str, ahead: float) -> Answer:
    """Refuse a signature, as a server does whose clock is ahead."""
    date = formatdate(SystemClock().now() + ahead, usegmt=True)
    body = f'{{"__type": "com.amazon.coral.service#{code}", "message": "Signature expired"}}'.encode()
    return status(403, {"Date": date, "Content-Type": "application/x-amz-json-1.0"}, body)


async def received(aws: AwsClients) -> None:
    await (await aws.hot_call(RECEIVE_MESSAGE))(RECEIVE)


async def records(aws: AwsClients) -> None:
    await (await aws.hot_call(GET_RECORDS))(GET)


async def queue_attributes(aws: AwsClients) -> None:
    client = await aws.client("sqs")
    with aws_errors():
        await client.get_queue_attributes(QueueUrl=RECEIVE["QueueUrl"])


async def an_object(aws: AwsClients) -> None:
    client = await aws.client("s3")
    with aws_errors():
        await client.head_object(Bucket="bucket", Key="key")


def hours_ahead(request: Received) -> float:
    """Return how far the time that a request is signed for is ahead of the machine's."""
    stamp = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return round((stamp.timestamp() - SystemClock().now()) / 3_600, 1)


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch"])
@pytest.mark.parametrize("way", [received, queue_attributes])
async def test_a_wrong_clock_costs_one_attempt(code: str, way: Callable[[AwsClients], Awaitable[None]]) -> None:
    """The refusal is an error to come back for; from then on every call, hot or not, is signed for AWS's time."""
    fine = status(200, body=b'{"Records": []}')
    async with serve(refusal(code, TWO_HOURS), fine) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        with pytest.raises(RetryableError) as failure:
            await way(aws)
        for other in (way, received, queue_attributes, records):
            await other(aws)
        await aws.close()
    assert failure.value.kind is FailureKind.CREDENTIALS
    assert [hours_ahead(request) for request in server.requests] == [0.0, 2.0, 2.0, 2.0, 2.0]


async def test_s3_is_corrected_too() -> None:
    """S3 signs in its own way."""
    async with serve(refusal("RequestTimeTooSkewed", -TWO_HOURS), status(200)) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        with pytest.raises(RetryableError):
            await received(aws)
        await an_object(aws)
        await aws.close()
    assert hours_ahead(server.requests[1]) == -2.0
    assert "x-amz-content-sha256" in server.requests[1].headers["Authorization"]


@pytest.mark.parametrize(("code", "ahead"), [("InvalidSignatureException", 60.0), ("AccessDenied", TWO_HOURS)])
async def test_other_refusals_move_no_clock(code: str, ahead: float) -> None:
    """A wrong key at nearly the right time, or an error that has nothing to do with time, corrects nothing."""
    async with serve(refusal(code, ahead), status(200)) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        with pytest.raises(Exception, match=code):
            await received(aws)
        await queue_attributes(aws)
        await aws.close()
    assert hours_ahead(server.requests[1]) == 0.0
