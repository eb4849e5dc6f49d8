"""Whatever comes back, the hot calls make of it what aiobotocore makes of it."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import web

from daemon.clients import AwsClients, AwsSettings
from daemon.clients.hot_calls import DELETE_MESSAGE_BATCH, GET_RECORDS, RECEIVE_MESSAGE, HotCall, Operation
from daemon.errors import FailureKind, RetryableError
from tests.certificates import make_certificate
from tests.clients.hot_calls.both_ways import (
    DELETE,
    GET,
    OPERATIONS,
    RECEIVE,
    Outcome,
    hot_outcome,
    plain_outcome,
)
from tests.emulators import REGION
from tests.servers import Answer, Server, cut, garbage, serve, silence, status, truncated

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "7a62c49f"}
MESSAGE = {"MessageId": "1", "ReceiptHandle": "AQEB", "MD5OfBody": "0", "Body": 'grüße "1"\n', "Attributes": {"A": "1"}}
RECORD = {
    "SequenceNumber": "495",
    "Data": base64.b64encode(bytes(range(256))).decode(),
    "PartitionKey": "ü",
    "ApproximateArrivalTimestamp": 1_790_000_000.123,
}

each_operation = pytest.mark.parametrize(("operation", "params"), OPERATIONS)


class Rig:
    """A server that answers as told, and clients that have learned how to call it."""

    def __init__(self, server: Server, aws: AwsClients, calls: Mapping[str, HotCall[Any]]) -> None:
        self._server = server
        self._aws = aws
        self._calls = calls

    async def both(
        self, operation: Operation[Any], params: Mapping[str, object], answer: Answer
    ) -> tuple[Outcome, Outcome]:
        """Return what comes of the answer the short way, and what comes of it in aiobotocore."""
        self._server.answers[:] = [answer]
        asked = len(self._server.requests)
        hot = await hot_outcome(self._calls[operation.name], params)
        assert len(self._server.requests) == asked + 1
        return hot, await plain_outcome(self._aws, operation, params)


@pytest.fixture(scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with serve(status(200, body=b'{"Records": []}')) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url, read_timeout_seconds=0.5))
        calls = {operation.name: await aws.hot_call(operation) for operation, _ in OPERATIONS}
        for operation, params in OPERATIONS:
            await calls[operation.name](params)
        yield Rig(server, aws, calls)
        await aws.close()


def messages(*changes: Mapping[str, object]) -> bytes:
    """Return an answer to ReceiveMessage with a changed message for each."""
    return orjson.dumps({"Messages": [{**MESSAGE, **change} for change in changes]})


@pytest.mark.parametrize(
    "body",
    [
        messages({}, {}),
        messages({"Attributes": None}),
        messages({"MessageAttributes": {"x": {"StringValue": "y", "DataType": "String"}}, "New": [1, {"a": None}]}),
        messages({"Body": ""}),
        messages({"Body": "x" * 1024**2}),
        b'{"Messages": [{"MessageId": "1", "ReceiptHandle": "h", "Body": "half \\ud800 a pair"}]}',
        b"{}",
        b"",
        b'{"Messages": null}',
        b'{"Messages": []}',
        b' {"Messages" : [ ] } ',
    ],
)
async def test_received_messages_are_the_same(body: bytes, rig: Rig) -> None:
    """Fields that are new, null, absent, huge or not quite text are read as aiobotocore reads them."""
    hot, plain = await rig.both(RECEIVE_MESSAGE, RECEIVE, status(200, JSON, body))
    assert hot == plain
    assert hot[0] == "answer"


@pytest.mark.parametrize(
    "answer",
    [
        {"Successful": [{"Id": "0"}, {"Id": "1"}]},
        {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]},
        {"Successful": [], "Failed": [{"Id": "1", "Code": "X", "SenderFault": True, "Message": "no"}]},
        {"Successful": None, "Failed": None},
    ],
)
async def test_deleted_batches_are_the_same(answer: dict[str, object], rig: Rig) -> None:
    """Entries that went well and entries that failed are told apart alike."""
    hot, plain = await rig.both(DELETE_MESSAGE_BATCH, DELETE, status(200, JSON, orjson.dumps(answer)))
    assert hot == plain
    assert hot[0] == "answer"


@pytest.mark.parametrize(
    "answer",
    [
        {"Records": [RECORD, RECORD], "NextShardIterator": "n", "MillisBehindLatest": 7},
        {"Records": [], "MillisBehindLatest": 0, "ChildShards": [{"ShardId": "s", "ParentShards": ["p"]}]},
        {"Records": [RECORD | {"Data": ""}], "NextShardIterator": None},
        {"Records": [RECORD | {"Data": "YQ==\n"}]},
        {"Records": [RECORD | {"ApproximateArrivalTimestamp": 1_790_000_000}]},
        {"Records": [RECORD | {"ApproximateArrivalTimestamp": None, "EncryptionType": "KMS"}]},
    ],
)
async def test_records_are_the_same(answer: dict[str, object], rig: Rig) -> None:
    """Bytes, numbers, arrival times and child shards are the same, oddly written base64 included."""
    hot, plain = await rig.both(GET_RECORDS, GET, status(200, JSON, orjson.dumps(answer)))
    assert hot == plain
    assert hot[0] == "answer"


ERRORS = {
    "throttled": (400, JSON, {"__type": "com.amazonaws#ThrottlingException", "message": "Rate exceeded"}),
    "throughput": (400, JSON, {"__type": "ProvisionedThroughputExceededException", "message": "Rate exceeded"}),
    "expired iterator": (400, JSON, {"__type": "ExpiredIteratorException", "message": "Iterator expired"}),
    "no queue": (
        400,
        {**JSON, "x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"},
        {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."},
    ),
    "denied": (403, JSON, {"__type": "AccessDeniedException", "Message": "not authorized"}),
    "wrong key": (403, JSON, {"__type": "InvalidSignatureException", "message": "secret header quoted"}),
    "expired token": (400, JSON, {"__type": "ExpiredTokenException", "message": "expired"}),
    "internal": (500, JSON, {"__type": "InternalFailure", "message": "try again"}),
    "unavailable": (503, JSON, {"message": "no type"}),
    "no words": (400, JSON, {}),
}


@pytest.mark.parametrize("error", ERRORS)
@each_operation
async def test_errors_are_the_same(
    operation: Operation[Any], params: Mapping[str, object], error: str, rig: Rig
) -> None:
    """Type, kind and words of an error do not depend on the way."""
    code, headers, body = ERRORS[error]
    hot, plain = await rig.both(operation, params, status(code, headers, orjson.dumps(body)))
    assert hot == plain
    assert hot[0] != "answer"


@pytest.mark.parametrize(
    ("code", "headers", "body"),
    [
        (502, {"Content-Type": "text/html"}, b"<html><body>Bad Gateway</body></html>"),
        (503, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Service Unavailable</title>"),
        (500, {}, b""),
        (400, JSON, b'{"__type": "Throttl'),
        (400, JSON, b"\xff\xfe"),
        (403, JSON, b'["no object"]'),
        (304, {}, b""),
        (200, JSON, b'["no object"]'),
        (200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(messages({}))),
        (200, JSON, b"[" * 100_000),
        (200, JSON, b'{"Messages": 5, "Successful": 5, "Records": 5}'),
    ],
)
@each_operation
async def test_malformed_answers_are_the_same(
    operation: Operation[Any], params: Mapping[str, object], code: int, headers: dict[str, str], body: bytes, rig: Rig
) -> None:
    """Pages of proxies, cut JSON, what is not text, not an object or packed unasked: the same kind of error."""
    hot, plain = await rig.both(operation, params, status(code, headers, body))
    assert hot[:2] == plain[:2]
    assert hot[0] != "answer"


@pytest.mark.parametrize("body", [b"<html>Sign in to the network</html>", messages({})[:-20], b"OK"])
@each_operation
async def test_a_success_that_is_no_json_is_an_error(
    operation: Operation[Any], params: Mapping[str, object], body: bytes, rig: Rig
) -> None:
    """Aiobotocore takes such a page for an empty answer; here it is one to come back for."""
    hot, _ = await rig.both(operation, params, status(200, JSON, body))
    assert hot[:2] == ("RetryableError", FailureKind.SERVER_ERROR)


@each_operation
async def test_a_redirect_is_not_followed(operation: Operation[Any], params: Mapping[str, object]) -> None:
    """Keys and tokens go to the endpoint and nowhere else."""
    async with serve() as elsewhere, serve(status(307, {"Location": elsewhere.url})) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        outcome = await hot_outcome(await aws.hot_call(operation), params)
        await aws.close()
    assert outcome[:2] == ("PermanentError", FailureKind.REFUSED)
    assert elsewhere.requests == []


async def dripping(request: web.BaseRequest) -> web.StreamResponse:
    """Send an answer byte by byte, each within the time allowed for a read, for ever."""
    response = web.StreamResponse(headers=JSON)
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await anyio.sleep(0.1)


@pytest.mark.parametrize("answer", [cut, garbage, truncated, silence])
@each_operation
async def test_broken_connections_are_the_same(
    operation: Operation[Any], params: Mapping[str, object], answer: Answer, rig: Rig
) -> None:
    """Reset, not HTTP, a body cut off, half-open: type and kind of the error are the same."""
    hot, plain = await rig.both(operation, params, answer)
    assert hot[:2] == plain[:2]
    assert hot[0] == "RetryableError"


async def test_an_answer_that_drips_in_is_given_up() -> None:
    """Aiobotocore's limit is for one read; a hot call has one for the whole answer, so no receiver hangs for ever."""
    async with serve(dripping) as server:
        settings = AwsSettings(
            region=REGION, endpoint_url=server.url, read_timeout_seconds=0.5, connect_timeout_seconds=0.5
        )
        aws = AwsClients(settings)
        call = await aws.hot_call(RECEIVE_MESSAGE)
        with anyio.fail_after(10), pytest.raises(RetryableError) as failure:
            await call(RECEIVE)
        await aws.close()
    assert failure.value.kind is FailureKind.TIMEOUT


@each_operation
async def test_tls_is_verified_as_aiobotocore_does(
    operation: Operation[Any], params: Mapping[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate nobody vouches for is refused both ways, one that AWS_CA_BUNDLE vouches for is accepted."""
    tls, certificate = make_certificate(tmp_path)
    outcomes = []
    async with serve(status(200, JSON, b'{"Records": []}'), tls=tls) as server:
        for bundle in (None, str(certificate)):
            if bundle is not None:
                monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
            aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
            hot = await hot_outcome(await aws.hot_call(operation), params)
            assert hot[:2] == (await plain_outcome(aws, operation, params))[:2]
            outcomes.append(hot[:2])
            await aws.close()
    assert outcomes[0] == ("RetryableError", FailureKind.UNREACHABLE)
    assert outcomes[1][0] == "answer"


async def test_a_connection_closed_while_idle_is_replaced() -> None:
    """A server may close a kept connection between two calls: the next call opens another and succeeds."""

    async def close_soon(request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is not None:
            asyncio.get_running_loop().call_later(0.02, request.transport.close)
        return web.Response(headers=JSON, body=messages({}))

    async with serve(close_soon) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        call = await aws.hot_call(RECEIVE_MESSAGE)
        for _ in range(3):
            assert len((await call(RECEIVE)).Messages) == 1
            await anyio.sleep(0.1)
        await aws.close()
