"""Runs a module as a server of canned answers, a process of its own, so that its work is not counted as ours.

`running` starts the module from outside; in it, `serve` answers AWS's JSON protocols with what a function returns.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

import orjson

Answer: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[bytes]]
"""From the operation and the request to the body of the answer."""


@contextmanager
def running(module: str, lines: Sequence[bytes], *arguments: object) -> Iterator[str]:
    """Start the module with a file of these lines and the arguments; yield its endpoint, end it with the block."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(lines))
        file.flush()
        command = [sys.executable, "-m", module, file.name, *map(str, arguments)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield f"http://127.0.0.1:{int(process.stdout.readline() if process.stdout else 0)}"
            finally:
                process.terminate()


async def serve(answer: Answer) -> None:
    """Print the port, then answer for ever."""
    async with asyncio.TaskGroup() as tasks:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(answer, tasks), "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


class _Connection(asyncio.Protocol):
    """Just enough HTTP: one request at a time, with a Content-Length."""

    def __init__(self, answer: Answer, tasks: asyncio.TaskGroup) -> None:
        self._answer = answer
        self._tasks = tasks
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See Protocol."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._buffer = b""
        target = re.search(rb"(?i)\r\nx-amz-target: \w+\.(\w+)", head)
        self._tasks.create_task(self._respond(target[1].decode() if target else "", orjson.loads(body)))

    async def _respond(self, operation: str, request: dict[str, Any]) -> None:
        body = await self._answer(operation, request)
        head = b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 5\r\nContent-Type: application/x-amz-json-1.1\r\n"
        if not self._transport.is_closing():
            self._transport.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
