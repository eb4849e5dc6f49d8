"""What the hot calls send is, to the byte, what aiobotocore sends."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import orjson
import pytest
from aiohttp import web

from daemon.clients import AwsClients, AwsSettings
from daemon.clients.hot_calls import Operation
from daemon.clients.hot_calls.session import HotSession
from daemon.errors import RetryableError
from tests.clients.hot_calls.both_ways import OPERATIONS, hot_call, plain_call
from tests.clocks import HandWound
from tests.emulators import REGION, free_port
from tests.servers import Received, serve, status

pytestmark = pytest.mark.anyio

TIME = 1_790_000_000.0
ANSWER = status(200, body=b'{"Records": [], "Successful": [{"Id": "0"}, {"Id": "1"}], "Failed": []}')
each_operation = pytest.mark.parametrize(("operation", "params"), OPERATIONS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandWound:
    """Return the clock of both ways."""
    clock = HandWound(TIME)

    def now(*, remove_tzinfo: bool = True) -> dt.datetime:
        moment = dt.datetime.fromtimestamp(clock.time, dt.UTC)
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    monkeypatch.setattr("botocore.auth.get_current_datetime", now)
    return clock


def comparable(request: Received) -> tuple[str, str, dict[str, str], bytes]:
    """Leave out the id that every call draws anew, once it is seen to be one; and who the connection speaks to."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert len(headers.pop("amz-sdk-invocation-id")) == 36
    return request.method, request.path, headers, request.body


@each_operation
async def test_requests_are_equal_to_the_byte(
    operation: Operation[Any], params: Mapping[str, object], clock: HandWound
) -> None:
    """Path, every header with the signature, and the body are the same, on the day learned and on the next."""
    async with serve(ANSWER) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url), clock=clock)
        call = await aws.hot_call(operation)
        for _ in range(2):
            await call(params)
            await plain_call(aws, operation, params)
            clock.time += 86_400
        await aws.close()

    requests = [comparable(request) for request in server.requests]
    assert requests[0] == requests[1]
    assert requests[2] == requests[3]
    assert requests[0] != requests[2]


@each_operation
async def test_the_pattern_fits_other_parameters(
    operation: Operation[Any], params: Mapping[str, object], clock: HandWound
) -> None:
    """A call with other parameters than the first one's is signed for its own body."""
    other = {**params, next(iter(params)): "http://127.0.0.1/123456789012/others"}
    async with serve(ANSWER) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url), clock=clock)
        call = await aws.hot_call(operation)
        await call(params)
        await call(other)
        await plain_call(aws, operation, other)
        await aws.close()

    assert comparable(server.requests[1]) == comparable(server.requests[2])
    assert server.requests[0].body != server.requests[1].body


@each_operation
async def test_session_tokens_are_sent_and_signed(
    operation: Operation[Any], params: Mapping[str, object], clock: HandWound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary credentials are the same both ways."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "FwoGZXIvYXdzE+/=")
    async with serve(ANSWER) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url), clock=clock)
        await hot_call(aws, operation, params)
        await plain_call(aws, operation, params)
        await aws.close()

    hot, plain = (comparable(request) for request in server.requests)
    assert hot == plain
    assert "x-amz-security-token" in hot[2]["authorization"]


@each_operation
async def test_a_corrected_clock_signs_the_same(
    operation: Operation[Any], params: Mapping[str, object], clock: HandWound
) -> None:
    """After a RequestTimeTooSkewed both ways sign for AWS's time, as they would had the clock been right."""
    date = formatdate(clock.time + 86_400, usegmt=True)
    body = b'{"__type": "RequestTimeTooSkewed", "message": "too far"}'
    async with serve(status(403, {"Date": date}, body), ANSWER) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url), clock=clock)
        call = await aws.hot_call(operation)
        with pytest.raises(RetryableError, match="RequestTimeTooSkewed"):
            await call(params)
        await call(params)
        await plain_call(aws, operation, params)
        await aws.close()
        clock.time += 86_400
        right = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url), clock=clock)
        await plain_call(right, operation, params)
        await right.close()

    refused, hot, plain, never_wrong = (comparable(request) for request in server.requests)
    assert hot == plain == never_wrong
    assert refused != hot


@pytest.mark.parametrize("endpoint", ["{url}", "{url}/", "{url}/emulated%20aws", "http://localhost:{port}"])
@each_operation
async def test_custom_endpoints_are_reached(
    operation: Operation[Any], params: Mapping[str, object], endpoint: str, clock: HandWound
) -> None:
    """An endpoint may have a path of its own, or a host name."""
    async with serve(ANSWER) as server:
        url = endpoint.format(url=server.url, port=server.url.rpartition(":")[2])
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=url), clock=clock)
        await hot_call(aws, operation, params)
        await plain_call(aws, operation, params)
        await aws.close()

    hot, plain = (comparable(request) for request in server.requests)
    assert hot == plain


@each_operation
async def test_the_regional_endpoint_is_aiobotocores_and_so_are_proxies(
    operation: Operation[Any], params: Mapping[str, object], clock: HandWound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without endpoint_url the region's host is asked; where a proxy is set, both ways go through it."""
    async with serve(ANSWER) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        url = f"http://{operation.service}.eu-central-1.amazonaws.com"
        aws = AwsClients(AwsSettings(region="eu-central-1", endpoint_url=url), clock=clock)
        await hot_call(aws, operation, params)
        await plain_call(aws, operation, params)
        await aws.close()

    hot, plain = (comparable(request) for request in proxy.requests)
    assert hot == plain
    assert hot[2]["host"] == f"{operation.service}.eu-central-1.amazonaws.com"
    assert "/eu-central-1/" in hot[2]["authorization"]


async def test_without_credentials_nothing_is_sent(clock: HandWound, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways say that there are none; a hot call finds them when they are there."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    operation, params = OPERATIONS[0]
    async with serve(ANSWER) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url), clock=clock)
        for way in (plain_call, hot_call):
            with pytest.raises(Exception, match="Unable to locate credentials"):
                await way(aws, operation, params)
        await aws.close()
    assert server.requests == []


@each_operation
async def test_rotating_credentials_are_followed(
    operation: Operation[Any], params: Mapping[str, object], clock: HandWound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that run out while the daemon runs are renewed by aiobotocore, and signed with from then on."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    given = 0

    async def next_credentials(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal given
        given += 1
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
        keys = {"AccessKeyId": f"KEY{given}", "SecretAccessKey": f"secret{given}", "Token": f"token{given}"}
        return web.Response(body=orjson.dumps({**keys, "Expiration": soon.strftime("%Y-%m-%dT%H:%M:%SZ")}))

    async with serve(ANSWER) as server, serve(next_credentials) as metadata:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{metadata.url}/credentials")
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url), clock=clock)
        call = await aws.hot_call(operation)
        for _ in range(3):
            await call(params)
        await aws.close()

    used = [request.headers["Authorization"].split("Credential=")[1].split("/")[0] for request in server.requests]
    tokens = [request.headers["X-Amz-Security-Token"] for request in server.requests]
    assert len(set(used)) == 3
    assert [key.replace("KEY", "token") for key in used] == tokens


async def test_a_request_changed_after_signing_is_left_to_aiobotocore(clock: HandWound) -> None:
    """Where the pattern does not give aiobotocore's own signature, the call is made by aiobotocore and works."""
    operation, params = OPERATIONS[0]

    def sign_for_another_region(request: Any, **_: object) -> None:
        request.context["signing"] = {"region": "eu-west-3", "signing_name": "other/service"}

    async with serve(ANSWER) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url), clock=clock)
        client = await aws.client(operation.service)
        client.meta.events.register_first("before-sign.sqs.ReceiveMessage", sign_for_another_region)
        await hot_call(aws, operation, params)
        await plain_call(aws, operation, params)
        await aws.close()

    hot, plain = (comparable(request) for request in server.requests)
    assert hot == plain
    assert "other/service" in hot[2]["authorization"]


@each_operation
async def test_without_a_line_aiobotocore_makes_every_call(
    operation: Operation[Any], params: Mapping[str, object], clock: HandWound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a later aiobotocore's HTTP session is built otherwise, calls and their errors are its own."""

    async def no_line(_: HotSession, url: str) -> None:
        assert url.startswith("http://127.0.0.1")

    monkeypatch.setattr(HotSession, "line", no_line)
    async with serve(ANSWER, status(400, body=b'{"__type": "ThrottlingException"}')) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url), clock=clock)
        call = await aws.hot_call(operation)
        await call(params)
        with pytest.raises(RetryableError, match="ThrottlingException"):
            await call(params)
        await aws.close()
    assert [request.body for request in server.requests] == [json.dumps(params).encode()] * 2


async def test_a_host_without_an_address_is_an_error_both_ways() -> None:
    """A name that DNS does not know is unreachable, and worth another try."""
    operation, params = OPERATIONS[0]
    aws = AwsClients(AwsSettings(region=REGION, endpoint_url="http://nowhere.invalid"))
    for way in (plain_call, hot_call):
        with pytest.raises(RetryableError, match="unreachable: "):
            await way(aws, operation, params)
    await aws.close()


async def test_nobody_listening_is_an_error_both_ways() -> None:
    """A port on which nobody listens is unreachable."""
    operation, params = OPERATIONS[0]
    aws = AwsClients(AwsSettings(region=REGION, endpoint_url=f"http://127.0.0.1:{free_port()}"))
    for way in (plain_call, hot_call):
        with pytest.raises(Exception, match="unreachable: "):
            await way(aws, operation, params)
    await aws.close()
