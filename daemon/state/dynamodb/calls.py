"""The calls on one table, each bounded in time and repeated while that can help.

__init__.py calls them; foreign errors end here.  A call is repeated for some seconds only: throttling passes, and a
repetition of one item costs less than its caller's repetition of the whole batch.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
from botocore.exceptions import ClientError

from daemon.clients import AwsClients, answered, aws_errors
from daemon.clock import Clock
from daemon.errors import EffectError, FailureKind, RetryableError, StateError
from daemon.retry import Attempts, RetryPolicy, retrying
from daemon.state.dynamodb.config import DynamodbConfig
from daemon.state.dynamodb.layout import Attributes

T = TypeVar("T")

_POLICY = RetryPolicy(base_seconds=0.05, cap_seconds=1.0, max_age_seconds=5.0, max_attempts=12)
_PAGE_ITEMS = 500


class ConditionFailed(Exception):  # noqa: N818 - an answer, not a fault
    """Raised when a condition did not hold; `attributes` is what stands there, None where DynamoDB does not say.

    After more than one attempt it may have failed because an earlier one, whose answer was lost, got through.
    """

    def __init__(self, attributes: Attributes | None) -> None:
        self.attributes = attributes
        self.attempts = 1


class TableCalls:
    """All raise StateError when the call's time is up or it failed for good."""

    def __init__(self, config: DynamodbConfig, aws: AwsClients, clock: Clock, rng: random.Random) -> None:
        self._config = config
        self._aws = aws
        self._clock = clock
        self._rng = rng

    async def write(self, operation: str, **parameters: Any) -> None:
        """Put or delete an item.  Raises ConditionFailed."""
        attempts = Attempts()
        try:
            await self._repeat(lambda: self._once(operation, TableName=self._config.table_name, **parameters), attempts)
        except ConditionFailed as failed:
            failed.attempts = attempts.made
            raise

    async def read(self, keys: list[Attributes]) -> list[Attributes]:
        """Return those of at most 100 items that are there, in any order, as they stand after every write so far."""
        found: list[Attributes] = []
        table = self._config.table_name
        rest = keys

        async def attempt() -> list[Attributes]:
            nonlocal rest
            request = {table: {"Keys": rest, "ConsistentRead": True}}
            answer = await self._once("batch_get_item", RequestItems=request)
            found.extend(answered(answer, "Responses").get(table, ()))
            rest = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if rest:
                raise RetryableError(FailureKind.THROTTLED, f"BatchGetItem: {len(rest)} UnprocessedKeys")
            return found

        return await self._repeat(attempt)

    async def query(self, after: Attributes | None, **parameters: Any) -> tuple[list[Attributes], Attributes | None]:
        """Return a page of a Query that begins after this key, and where the next one begins, None at the end."""
        if after is not None:
            parameters["ExclusiveStartKey"] = after

        async def attempt() -> tuple[list[Attributes], Attributes | None]:
            table = self._config.table_name
            answer = await self._once("query", TableName=table, ConsistentRead=True, Limit=_PAGE_ITEMS, **parameters)
            return answered(answer, "Items"), answer.get("LastEvaluatedKey")

        return await self._repeat(attempt)

    async def describe(self, operation: str, field: str) -> dict[str, Any]:
        """Return this field of the answer of an operation whose only parameter is the table."""

        async def attempt() -> dict[str, Any]:
            described: dict[str, Any] = answered(await self._once(operation, TableName=self._config.table_name), field)
            return described

        return await self._repeat(attempt)

    async def _repeat(self, attempt: Callable[[], Awaitable[T]], attempts: Attempts | None = None) -> T:
        try:
            return await retrying(attempt, _POLICY, self._clock, self._rng, attempts=attempts)
        except EffectError as error:
            if error.kind is FailureKind.NOT_FOUND:
                raise StateError(
                    f"dynamodb: no table {self._config.table_name!r}: `vigild state create-table` makes it"
                ) from error
            raise StateError(f"dynamodb: {error.detail}") from error

    async def _once(self, operation: str, **parameters: Any) -> dict[str, Any]:
        client = await self._aws.client("dynamodb", self._config.region)
        with aws_errors(), anyio.fail_after(self._config.call_timeout_seconds):
            try:
                answer: dict[str, Any] = await getattr(client, operation)(**parameters)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                    raise ConditionFailed(error.response.get("Item")) from error
                raise
        return answer
