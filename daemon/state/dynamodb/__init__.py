"""StateStore in one DynamoDB table: for replicas on more than one host.

dedupe/ and sources/ call it through the StateStore protocol.  layout.py says how items lie in the table, calls.py does
the calls, table.py makes and checks the table.

A batch of conditional writes is one conditional PutItem for each item, all at the same time.  TransactWriteItems would
cost twice as much and fail as a whole when one item is contested; BatchWriteItem knows no conditions.
"""

from __future__ import annotations

import heapq
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from daemon.clients import AwsClients
from daemon.clock import Clock
from daemon.errors import StateError
from daemon.state.base import Conflict, Delete, Item, Write, check_write
from daemon.state.dynamodb.calls import ConditionFailed, TableCalls
from daemon.state.dynamodb.config import DynamodbConfig
from daemon.state.dynamodb.layout import PARTITION_KEY, SORT_KEY, Attributes, Layout, condition, item_of
from daemon.state.dynamodb.table import describe_table, verify_table

__all__ = ("DynamodbConfig", "DynamodbStore")

T = TypeVar("T")
R = TypeVar("R")

_READ_ITEMS = 100
"""BatchGetItem's limit (API reference)."""


class DynamodbStore:
    """See StateStore.  Open with `await DynamodbStore.open(config, aws, clock, rng)`."""

    def __init__(self, config: DynamodbConfig, aws: AwsClients, clock: Clock, rng: random.Random) -> None:
        self._config = config
        self._clock = clock
        self._calls = TableCalls(config, aws, clock, rng)
        self._layout = Layout(config.namespace)
        self._limiter = anyio.CapacityLimiter(config.max_parallel_calls)

    @classmethod
    async def open(cls, config: DynamodbConfig, aws: AwsClients, clock: Clock, rng: random.Random) -> DynamodbStore:
        """Look whether the table is there and of our layout.  Raises StateError."""
        store = cls(config, aws, clock, rng)
        await verify_table(store._calls, config)
        return store

    async def get(self, keys: Sequence[str]) -> list[Item | None]:
        """See StateStore."""
        distinct = list(dict.fromkeys(keys))
        chunks = [distinct[start : start + _READ_ITEMS] for start in range(0, len(distinct), _READ_ITEMS)]
        found = {item.key: item for chunk in await self._each(self._read, chunks) for item in chunk}
        return [found.get(key) for key in keys]

    async def put(self, writes: Sequence[Write]) -> list[Item | Conflict]:
        """See StateStore."""
        for write in writes:
            check_write(write)
        return await self._each(self._put, writes)

    async def delete(self, deletes: Sequence[Delete]) -> list[Conflict | None]:
        """See StateStore."""
        return await self._each(self._delete, deletes)

    async def scan(self, prefix: str) -> AsyncIterator[Item]:
        """See StateStore."""
        streams = [self._query(partition, prefix) for partition in self._layout.partitions(prefix)]
        heads: list[tuple[str, int, Item]] = []
        for number, stream in enumerate(streams):
            async for item in stream:
                heads.append((item.key, number, item))
                break
        heapq.heapify(heads)
        while heads:
            _, number, item = heads[0]
            yield item
            try:
                following = await anext(streams[number])
            except StopAsyncIteration:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (following.key, number, following))

    async def purge(self) -> int:
        """See StateStore: DynamoDB's time to live does it."""
        return 0

    async def check(self) -> str:
        """See StateStore."""
        return await describe_table(self._calls, self._config)

    async def close(self) -> None:
        """See StateStore: connections belong to AwsClients."""

    async def _each(self, work: Callable[[T], Awaitable[R]], parts: Sequence[T]) -> list[R]:
        """Do the parts at the same time, a bounded number of them; a single one, as a renewal is, waits for none.

        After the first failure nothing more is begun: the caller repeats the batch anyway.
        """
        if len(parts) == 1:
            return [await work(parts[0])]
        answers: dict[int, R] = {}
        failures: list[StateError] = []

        async def one(place: int) -> None:
            async with self._limiter:
                if failures:
                    return
                try:
                    answers[place] = await work(parts[place])
                except StateError as error:
                    failures.append(error)

        async with anyio.create_task_group() as group:
            for place in range(len(parts)):
                group.start_soon(one, place)
        if failures:
            raise failures[0]
        return [answers[place] for place in range(len(parts))]

    async def _read(self, keys: list[str]) -> list[Item]:
        now = self._clock.now()
        answers = await self._calls.read([self._layout.key(key) for key in keys])
        return [item for attributes in answers if (item := item_of(attributes, now)) is not None]

    async def _put(self, write: Write) -> Item | Conflict:
        item = Item(write.key, write.value, secrets.randbits(62) + 1, write.expires_at)
        now = self._clock.now()
        try:
            await self._calls.write("put_item", Item=self._layout.attributes(item), **condition(write.expect, now))
        except ConditionFailed as failed:
            current = await self._current(write.key, failed, now)
            # Our own version in the way: an attempt got through, only its answer did not.
            return item if current is not None and current.version == item.version else Conflict(current)
        return item

    async def _delete(self, delete: Delete) -> Conflict | None:
        now = self._clock.now()
        try:
            await self._calls.write("delete_item", Key=self._layout.key(delete.key), **condition(delete.expect, now))
        except ConditionFailed as failed:
            current = await self._current(delete.key, failed, now)
            # Gone after an attempt without an answer: that one removed it, as far as anyone can tell.
            return None if current is None and failed.attempts > 1 else Conflict(current)
        return None

    async def _current(self, key: str, failed: ConditionFailed, now: float) -> Item | None:
        if failed.attributes is not None:
            return item_of(failed.attributes, now)
        found = await self._read([key])
        return found[0] if found else None

    async def _query(self, partition: str, prefix: str) -> AsyncIterator[Item]:
        after: Attributes | None = None
        while True:
            page, after = await self._calls.query(
                after,
                KeyConditionExpression="#partition = :partition AND begins_with(#sort, :prefix)",
                ExpressionAttributeNames={"#partition": PARTITION_KEY, "#sort": SORT_KEY},
                ExpressionAttributeValues={":partition": {"S": partition}, ":prefix": {"S": prefix}},
            )
            now = self._clock.now()
            for attributes in page:
                item = item_of(attributes, now)
                if item is not None:
                    yield item
            if after is None:
                return
