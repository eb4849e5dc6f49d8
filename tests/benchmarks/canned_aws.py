"""An AWS that costs nothing to ask: a process of its own that answers ReceiveMessage and DeleteMessageBatch at once.

    with canned_aws(events) as aws:
        aws.give("http://…/orders", 10_000)      # so many messages wait in that queue from now on

Every message holds the next of the events under an eventID and a message id that no other has, so that nothing is a
duplicate.  A queue with nothing in it answers when something is given, or after a second.  The events come as a file of
lines; python -m tests.benchmarks.canned_aws FILE SECONDS serves them, each answer after so long, and prints its port.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson
import uvloop

_EVENT_ID = re.compile(rb'\\"eventID\\":\\"([0-9a-f-]{36})\\"')
_BATCH = 10
_EMPTY_SECONDS = 1.0
_HANDLE = "AQEB" + "h" * 400
"""As long as SQS's are."""


@dataclass(frozen=True, slots=True)
class CannedAws:
    """A running one."""

    url: str

    def give(self, queue_url: str, messages: int) -> None:
        """Put messages into a queue."""
        body = orjson.dumps({"QueueUrl": queue_url, "Messages": messages})
        urllib.request.urlopen(urllib.request.Request(self.url, body, {"X-Amz-Target": "Bench.Give"})).close()


@contextmanager
def canned_aws(events: Sequence[bytes], answer_seconds: float = 0.0) -> Iterator[CannedAws]:
    """Serve until the block ends; answers take so long, and any number may be under way."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(events))
        file.flush()
        command = [sys.executable, "-m", __spec__.name, file.name, str(answer_seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                port = int(process.stdout.readline() if process.stdout else 0)
                yield CannedAws(f"http://127.0.0.1:{port}")
            finally:
                process.terminate()


class _Messages:
    """Makes messages faster than anybody takes them: text around two ids."""

    def __init__(self, events: Sequence[bytes]) -> None:
        self._parts = itertools.cycle([self._cut(event) for event in events])
        self._number = itertools.count()

    def _cut(self, event: bytes) -> tuple[bytes, bytes]:
        message = {
            "MD5OfBody": "0" * 32,
            "ReceiptHandle": _HANDLE,
            "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1790000000000"},
            "Body": event.decode(),
        }
        before, _, after = _EVENT_ID.split(orjson.dumps(message), maxsplit=1)
        return before + b'\\"eventID\\":\\"', b'\\"' + after[:-1]

    def answer(self, count: int) -> bytes:
        """Return an answer to ReceiveMessage."""
        return b'{"Messages":[' + b",".join(self._next() for _ in range(count)) + b"]}"

    def _next(self) -> bytes:
        before, after = next(self._parts)
        name = b"%08x-0000-4000-8000-000000000000" % next(self._number)
        return before + name + after + b',"MessageId":"' + name + b'"}'


class _Queues:
    """How much is in each queue, and who waits."""

    def __init__(self, messages: _Messages) -> None:
        self._messages = messages
        self._waiting = Counter[str]()
        self._given = asyncio.Condition()

    async def answer(self, operation: str, request: dict[str, object]) -> bytes:
        """Return the body of the answer."""
        queue = str(request["QueueUrl"])
        if operation == "ReceiveMessage":
            return await self._receive(queue)
        if operation == "DeleteMessageBatch":
            entries = request["Entries"]
            assert isinstance(entries, list)
            return orjson.dumps({"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []})
        if operation == "GetQueueAttributes":
            return b'{"Attributes":{"VisibilityTimeout":"600"}}'
        async with self._given:
            self._waiting[queue] += int(str(request["Messages"]))
            self._given.notify_all()
        return b"{}"

    async def _receive(self, queue: str) -> bytes:
        try:
            async with asyncio.timeout(_EMPTY_SECONDS), self._given:
                await self._given.wait_for(lambda: self._waiting[queue] > 0)
                count = min(_BATCH, self._waiting[queue])
                self._waiting[queue] -= count
        except TimeoutError:
            return b"{}"
        return self._messages.answer(count)


class _Connection(asyncio.Protocol):
    """Just enough HTTP: one request at a time, with a Content-Length."""

    def __init__(self, queues: _Queues, answer_seconds: float, tasks: asyncio.TaskGroup) -> None:
        self._queues = queues
        self._answer_seconds = answer_seconds
        self._tasks = tasks
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See Protocol."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) < int(headers[b"content-length"]):
            return
        self._buffer = b""
        target = re.search(rb"(?i)x-amz-target: \w+\.(\w+)", head)
        operation = target[1].decode() if target else ""
        self._tasks.create_task(self._answer(operation, orjson.loads(body)))

    async def _answer(self, operation: str, request: dict[str, object]) -> None:
        if self._answer_seconds:
            await asyncio.sleep(self._answer_seconds)
        body = await self._queues.answer(operation, request)
        head = b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 5\r\nContent-Type: application/x-amz-json-1.0\r\n"
        if not self._transport.is_closing():
            self._transport.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


async def _serve(events: Sequence[bytes], answer_seconds: float) -> None:
    queues = _Queues(_Messages(events))
    async with asyncio.TaskGroup() as tasks:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(queues, answer_seconds, tasks), "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]).read_bytes().splitlines(), float(sys.argv[2])))
