"""Sinks that send many alerts in one call: what becomes of each, where some fail or the call does."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from aiohttp import web

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.sinks.base import Notice, Sink
from tests.emulators import REGION
from tests.servers import Answer, Server, serve
from tests.sinks.aws_services import AWS_KINDS, aws_error
from tests.sinks.examples import EVENT, notice
from tests.sinks.rigs import build_sink

pytestmark = pytest.mark.anyio

RESULTS = {"firehose": "RequestResponses", "kinesis": "Records"}


@asynccontextmanager
async def batching(kind: str, *answers: Answer, **options: Any) -> AsyncIterator[tuple[Sink, Server]]:
    """Yield the sink, open, and the server that it takes for AWS."""
    async with serve(*answers) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        sink = build_sink(aws, {"type": kind, **AWS_KINDS[kind].options, **options})
        await sink.open()
        yield sink, server
        await aws.close()


def keys(body: bytes) -> list[str]:
    """Return the keys of the alerts in a call."""
    return [json.loads(base64.b64decode(record["Data"]))["key"] for record in json.loads(body)["Records"]]


def failing(kind: str, error: str, bad: set[str]) -> Answer:
    """Return an answer that names the alerts with these keys as failed."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        results = [
            {"ErrorCode": error, "ErrorMessage": "no"} if key in bad else {} for key in keys(await request.read())
        ]
        return web.json_response({RESULTS[kind]: results, "FailedPutCount": len(bad), "FailedRecordCount": len(bad)})

    return answer


def refusing(kind: str, bad: str) -> Answer:
    """Return an answer that refuses the whole call where the alert with this key is in it."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if bad in keys(await request.read()):
            return await aws_error(400, "ValidationException")(request)
        return await failing(kind, "", set())(request)

    return answer


async def outcomes(sink: Sink, sent: list[Notice]) -> dict[str, EffectError | None]:
    """Send all at the same time; return by key what was raised."""
    found: dict[str, EffectError | None] = {}

    async def send(each: Notice) -> None:
        try:
            await sink.send(each)
            found[each.key] = None
        except EffectError as error:
            found[each.key] = error

    async with anyio.create_task_group() as group:
        for each in sent:
            group.start_soon(send, each)
    return found


@pytest.mark.parametrize("kind", RESULTS)
async def test_alerts_sent_together_share_a_call(kind: str) -> None:
    """Many at the same time take few calls, and each is in one of them, once."""
    sent = [notice() for _ in range(60)]
    async with batching(kind, failing(kind, "", set())) as (sink, server):
        assert set((await outcomes(sink, sent)).values()) == {None}
        assert sorted(key for request in server.requests for key in keys(request.body)) == [each.key for each in sent]
        assert len(server.requests) <= 3


@pytest.mark.parametrize("kind", RESULTS)
@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("ProvisionedThroughputExceededException", FailureKind.THROTTLED),
        ("InternalFailure", FailureKind.SERVER_ERROR),
        ("ServiceUnavailableException", FailureKind.SERVER_ERROR),
    ],
)
async def test_only_what_failed_is_sent_again(kind: str, code: str, meant: FailureKind) -> None:
    """An answer that names some as failed fails those alone, with their kind; the repeat carries nothing else."""
    sent = [notice() for _ in range(8)]
    bad = {sent[2].key, sent[5].key}
    async with batching(kind, failing(kind, code, bad)) as (sink, server):
        found = await outcomes(sink, sent)

        failed = {key: error for key, error in found.items() if error is not None}
        assert bad == failed.keys()
        assert {(RetryableError, meant)} == {(type(error), error.kind) for error in failed.values()}

        server.requests.clear()
        server.answers = [failing(kind, "", set())]
        again = await outcomes(sink, [each for each in sent if each.key in bad])
        assert {None} == set(again.values())
        assert bad == {key for request in server.requests for key in keys(request.body)}


@pytest.mark.parametrize("kind", RESULTS)
async def test_one_bad_entry_fails_alone(kind: str) -> None:
    """Where AWS refuses a call for one entry in it, the others arrive all the same."""
    sent = [notice() for _ in range(9)]
    bad = sent[4].key
    async with batching(kind, refusing(kind, bad)) as (sink, server):
        found = await outcomes(sink, sent)

        assert {bad} == {key for key, error in found.items() if isinstance(error, PermanentError)}
        assert {bad} == {key for key, error in found.items() if error is not None}
        taken = [keys(request.body) for request in server.requests if bad not in keys(request.body)]
        assert sorted(key for batch in taken for key in batch) == [each.key for each in sent if each.key != bad]


@pytest.mark.parametrize("kind", RESULTS)
async def test_an_answer_with_too_few_outcomes_is_a_failure(kind: str) -> None:
    """Where nobody can tell which ones were taken, all are sent again."""

    async def short(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({RESULTS[kind]: [], "FailedPutCount": 0, "FailedRecordCount": 0})

    async with batching(kind, short) as (sink, _):
        with pytest.raises(RetryableError, match="server_error"):
            await sink.send(notice())


@pytest.mark.parametrize(("kind", "limit"), [("firehose", 1_024_000), ("kinesis", 10_485_760)])
async def test_what_is_over_the_limit_is_not_sent(kind: str, limit: int) -> None:
    """An alert that no record can hold is refused before anything goes over the line."""
    async with batching(kind) as (sink, server):
        with pytest.raises(PermanentError, match=f"over {limit}"):
            await sink.send(notice(EVENT.replace(b"running", b"x" * limit)))
        assert server.requests == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (EVENT, "123456789012"),
        (EVENT.replace(b"123456789012", b"x" * 300), "x" * 256),
        (EVENT.replace(b'"123456789012"', b"12"), "12"),
        (EVENT.replace(b'"123456789012"', b"null"), None),
        (EVENT.replace(b'"123456789012"', b'""'), None),
        (EVENT.replace(b"running", b"\xff"), None),
    ],
)
async def test_the_event_decides_the_shard(body: bytes, expected: str | None) -> None:
    """With a path the event's own text is the partition key, cut to what Kinesis takes; without a text, the key is."""
    sent = notice(body)
    async with batching("kinesis", failing("kinesis", "", set()), partition_key="$.account") as (sink, server):
        await sink.send(sent)
        (record,) = json.loads(server.requests[0].body)["Records"]
        assert (expected or sent.key) == record["PartitionKey"]
