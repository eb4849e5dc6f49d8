"""HTTP servers on loopback for tests: one keeps what it gets and answers as told, misbehaving if it must."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from aiohttp import web

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Received:
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Server:
    """Answers with `answers` in turn, the last one again and again."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Keep the request, then answer."""
        body = await request.read()
        self.requests.append(Received(request.method, request.path_qs, dict(request.headers), body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@asynccontextmanager
async def serve(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve on a free loopback port until the block ends; 200 where no answer is given."""
    server = Server(answers=list(answers) or [status(200)])
    runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    try:
        await site.start()
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


def status(code: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    """Return an answer with this status."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=code, headers=headers, body=body)

    return answer


async def cut(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection instead of answering."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def garbage(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with something that is not HTTP."""
    if request.transport is not None:
        request.transport.write(b"\x00\x01 this is not HTTP\r\n\r\n")
        request.transport.close()
    return web.Response()


async def truncated(request: web.BaseRequest) -> web.StreamResponse:
    """Promise a long body and stop in the middle of it."""
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nContent-Type: text/xml\r\n\r\n<Publish")
        request.transport.close()
    return web.Response()


async def silence(_: web.BaseRequest) -> web.StreamResponse:
    """Take the request and never answer."""
    await anyio.sleep_forever()
    return web.Response()
