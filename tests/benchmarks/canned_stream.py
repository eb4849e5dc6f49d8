"""A Kinesis stream that costs nothing to read: a process of its own that has every answer ready.

    with canned_stream(records, Shape(shards=64, pages=5, page_records=20)) as url: ...

Each shard holds `pages` pages, made of the records one after the other, under sequence numbers of their own.  The
records come as a file of lines in base64; `python -m tests.benchmarks.canned_stream FILE SHARDS PAGES RECORDS` serves
them and prints its port.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.benchmarks.canned_http import running, serve


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


def canned_stream(records: Sequence[bytes], shape: Shape) -> AbstractContextManager[str]:
    """Serve until the block ends; the block gets the endpoint."""
    lines = [base64.b64encode(record) for record in records]
    return running(__spec__.name, lines, shape.shards, shape.pages, shape.page_records)


class _Stream:
    """Makes the answers.  An iterator is the shard's number and the next page's."""

    def __init__(self, records: Sequence[bytes], shape: Shape) -> None:
        self._records = records
        self._shape = shape

    async def answer(self, operation: str, request: dict[str, Any]) -> bytes:
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


if __name__ == "__main__":
    file, *numbers = sys.argv[1:]
    asyncio.run(serve(_Stream(Path(file).read_bytes().split(b"\n"), Shape(*map(int, numbers))).answer))
