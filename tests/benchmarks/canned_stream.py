"""A Kinesis stream that costs nothing to read: a process of its own that has every answer ready.

    with canned_stream(records, Shape(shards=64, pages=5, page_records=20)) as url: ...

Each shard holds `pages` pages, made of the records one after the other, under sequence numbers of their own.  The
records come as a file of lines in base64; `python -m tests.benchmarks.canned_stream FILE SHARDS PAGES RECORDS` serves
them and prints its port.
"""

from __future__ import annotations

import asyncio
import base64
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson


@dataclass(frozen=True, slots=True)
class Shape:
    """How much the stream holds."""

    shards: int
    pages: int
    page_records: int

    @property
    def records(self) -> int:
        """All records of the stream."""
        return self.shards * self.pages * self.page_records


@contextmanager
def canned_stream(records: Sequence[bytes], shape: Shape) -> Iterator[str]:
    """Serve until the block ends; yield the endpoint."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(base64.b64encode(record) for record in records))
        file.flush()
        numbers = [str(number) for number in (shape.shards, shape.pages, shape.page_records)]
        command = [sys.executable, "-m", __spec__.name, file.name, *numbers]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield f"http://127.0.0.1:{int(process.stdout.readline() if process.stdout else 0)}"
            finally:
                process.terminate()


class _Stream:
    """Makes the answers.  An iterator is the shard's number and the next page's."""

    def __init__(self, records: Sequence[bytes], shape: Shape) -> None:
        self._records = records
        self._shape = shape

    def answer(self, operation: str, request: dict[str, Any]) -> bytes:
        """Return the body of the answer."""
        if operation == "GetRecords":
            shard, page = map(int, request["ShardIterator"].split("-"))
            return self._page(shard, page)
        if operation == "GetShardIterator":
            return orjson.dumps({"ShardIterator": f"{int(request['ShardId'].rpartition('-')[2])}-0"})
        span = {"StartingHashKey": "0", "EndingHashKey": "1"}
        shards = [
            {
                "ShardId": f"shardId-{n:012}",
                "HashKeyRange": span,
                "SequenceNumberRange": {"StartingSequenceNumber": "0"},
            }
            for n in range(self._shape.shards)
        ]
        return orjson.dumps({"Shards": shards})

    def _page(self, shard: int, page: int) -> bytes:
        if page == self._shape.pages:
            return b'{"Records":[],"NextShardIterator":"%d-%d","MillisBehindLatest":0}' % (shard, page)
        first = page * self._shape.page_records
        offset = shard * self._shape.pages * self._shape.page_records + first
        records = b",".join(
            b'{"SequenceNumber":"%056d","ApproximateArrivalTimestamp":1.79e9,"PartitionKey":"k","Data":"%s"}'
            % (first + number, self._records[(offset + number) % len(self._records)])
            for number in range(self._shape.page_records)
        )
        return b'{"NextShardIterator":"%d-%d","MillisBehindLatest":1000,"Records":[%s]}' % (shard, page + 1, records)


class _Connection(asyncio.Protocol):
    """Just enough HTTP: one request at a time, with a Content-Length."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
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
        answer = self._stream.answer(target[1].decode() if target else "", orjson.loads(body))
        head = b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 5\r\nContent-Type: application/x-amz-json-1.1\r\n"
        self._transport.write(head + b"Content-Length: %d\r\n\r\n" % len(answer) + answer)


async def _serve(stream: _Stream) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(stream), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    file, *numbers = sys.argv[1:]
    asyncio.run(_serve(_Stream(Path(file).read_bytes().split(b"\n"), Shape(*map(int, numbers)))))
