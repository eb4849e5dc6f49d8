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
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop

from tests.benchmarks.canned_http import running, serve

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
    with running(__spec__.name, events, answer_seconds) as url:
        yield CannedAws(url)


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

    def __init__(self, messages: _Messages, answer_seconds: float) -> None:
        self._messages = messages
        self._answer_seconds = answer_seconds
        self._waiting = Counter[str]()
        self._given = asyncio.Condition()

    async def answer(self, operation: str, request: dict[str, Any]) -> bytes:
        """Return the body of the answer."""
        if self._answer_seconds:
            await asyncio.sleep(self._answer_seconds)
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


if __name__ == "__main__":
    queues = _Queues(_Messages(Path(sys.argv[1]).read_bytes().splitlines()), float(sys.argv[2]))
    uvloop.run(serve(queues.answer))
