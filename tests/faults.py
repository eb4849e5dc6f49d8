"""A reverse proxy on loopback that stands between the daemon and an emulator and does to the calls what networks and
overloaded services do: throttle, answer 5xx, delay, drop, cut, rewrite.

    async with FaultProxy(emulator.endpoint_url) as proxy:
        proxy.add("DeleteMessageBatch", throttled(), times=2)
        clients = AwsClients(AwsSettings(region=REGION, endpoint_url=proxy.endpoint_url))

Faults are asked for by operation ("ReceiveMessage", None = every one); each call meets the oldest that still has
`times` left, or goes straight through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

import aiohttp
import anyio
import orjson
from aiohttp import web

_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Close the connection after so many bytes of the body."""
    drip_seconds: float = 0.0
    """The time that the body takes to arrive, in twenty pieces."""


class Hangup(Exception):  # noqa: N818 - what a fault does
    """Raised by a fault to close the connection without a word."""


Forward = Callable[[], Awaitable[Answer]]
Fault = Callable[[Forward], Awaitable[Answer]]


def answering(status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Fault:
    """Answer this; the emulator never hears of the call."""

    async def fault(_: Forward) -> Answer:
        return Answer(status, orjson.dumps(body), headers or {"Content-Type": "application/x-amz-json-1.0"})

    return fault


def throttled() -> Fault:
    """Answer as an overloaded AWS service does."""
    return answering(400, {"__type": "com.amazonaws#ThrottlingException", "message": "Rate exceeded"})


_ERRORS = {
    "ec2": "<Response><Errors><Error><Code>{}</Code><Message>no</Message></Error></Errors></Response>",
    "query": "<ErrorResponse><Error><Code>{}</Code><Message>no</Message></Error></ErrorResponse>",
    "rest-xml": "<Error><Code>{}</Code><Message>no</Message></Error>",
}
"""Where the protocols that speak XML have an error's code; the others speak JSON."""


def refused(protocol: str, code: str, status: int = 400) -> Fault:
    """Answer an error as a service of this protocol does; the emulator never hears of the call."""

    async def fault(_: Forward) -> Answer:
        if protocol in _ERRORS:
            return Answer(status, _ERRORS[protocol].format(code).encode(), {"Content-Type": "text/xml"})
        body = orjson.dumps({"__type": code, "message": "no"})
        return Answer(status, body, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code})

    return fault


def refused_by_ec2(code: str, status: int = 400) -> Fault:
    """Answer an error as EC2 does."""
    return refused("ec2", code, status)


def unavailable() -> Fault:
    """Answer 503."""
    return answering(503, {"__type": "ServiceUnavailable", "message": "try again"})


def delayed(seconds: float) -> Fault:
    """Let the call through only after so long."""

    async def fault(forward: Forward) -> Answer:
        await anyio.sleep(seconds)
        return await forward()

    return fault


def dropped() -> Fault:
    """Close the connection; the emulator never hears of the call."""

    async def fault(_: Forward) -> Answer:
        raise Hangup

    return fault


def unanswered() -> Fault:
    """Let the emulator do it, then close the connection instead of answering."""

    async def fault(forward: Forward) -> Answer:
        await forward()
        raise Hangup

    return fault


def cut() -> Fault:
    """Let the emulator do it, then close the connection in the middle of the answer."""

    async def fault(forward: Forward) -> Answer:
        answer = await forward()
        return Answer(answer.status, answer.body, answer.headers, cut_after=len(answer.body) // 2)

    return fault


def dripped(seconds: float) -> Fault:
    """Let the emulator do it, then let the answer trickle in."""

    async def fault(forward: Forward) -> Answer:
        return replace(await forward(), drip_seconds=seconds)

    return fault


def rewritten(change: Callable[[bytes], bytes]) -> Fault:
    """Let the emulator do it, then change the answer's body."""

    async def fault(forward: Forward) -> Answer:
        answer = await forward()
        return Answer(answer.status, change(answer.body), answer.headers)

    return fault


@dataclass(slots=True)
class _Order:
    operation: str | None
    fault: Fault
    left: float


class FaultProxy:
    """See the module.  `seen` lists the operations in the order they came."""

    def __init__(self, upstream: str) -> None:
        self.endpoint_url = ""
        self.seen: list[str] = []
        self.keys: list[str] = []
        """The access key that each call was signed with."""
        self.services: list[str] = []
        """The service that each call was signed for ("dynamodb")."""
        self.agents: list[str] = []
        """The user agent of each call."""
        self.owners: list[str | None] = []
        """The account that a call of S3 says the bucket belongs to."""
        self.bodies: list[bytes] = []
        """What each call sent."""
        self._upstream = upstream
        self._orders: list[_Order] = []
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    def add(self, operation: str | None, fault: Fault, times: int | None = None) -> None:
        """Do this to the next `times` calls of the operation (None: to all, until `clear`)."""
        self._orders.append(_Order(operation, fault, float("inf") if times is None else times))

    def clear(self) -> None:
        """Let everything through again."""
        self._orders.clear()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._session = aiohttp.ClientSession(auto_decompress=False)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.endpoint_url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        operation = _operation(request, body)
        self.seen.append(operation)
        self.bodies.append(body)
        self.agents.append(request.headers.get("User-Agent", ""))
        self.owners.append(request.headers.get("x-amz-expected-bucket-owner"))
        scope = request.headers.get("Authorization", "").partition("Credential=")[2].partition(",")[0].split("/")
        self.keys.append(scope[0])
        self.services.append(scope[3] if len(scope) > 3 else "")

        async def forward() -> Answer:
            return await self._forward(request, body)

        fault = self._fault(operation)
        try:
            answer = await (forward() if fault is None else fault(forward))
        except Hangup:
            return _hang_up(request)
        if answer.drip_seconds:
            return await _drip(request, answer)
        if answer.cut_after is None:
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = len(answer.body)
        await response.prepare(request)
        await response.write(answer.body[: answer.cut_after])
        return _hang_up(request)

    def _fault(self, operation: str) -> Fault | None:
        for order in self._orders:
            if order.left > 0 and order.operation in (None, operation):
                order.left -= 1
                return order.fault
        return None

    async def _forward(self, request: web.Request, body: bytes) -> Answer:
        if self._session is None:
            raise RuntimeError("not started")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method, self._upstream + request.path_qs, data=body, headers=headers
        ) as answer:
            passed = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return Answer(answer.status, await answer.read(), passed)


def _operation(request: web.Request, body: bytes) -> str:
    """AWS JSON protocols name it in X-Amz-Target, the query protocol in the form field Action."""
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        return target.rpartition(".")[2]
    action = parse_qs(body.decode("latin-1")).get("Action")
    return action[0] if action else f"{request.method} {request.path}"


async def _drip(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    step = len(answer.body) // 20 + 1
    for start in range(0, len(answer.body), step):
        await response.write(answer.body[start : start + step])
        await anyio.sleep(answer.drip_seconds / 20)
    return response


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
