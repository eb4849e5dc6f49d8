"""Opens a state store of each kind for tests: SQLite in a folder, DynamoDB in an emulator under a fresh namespace."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.clock import Clock, SystemClock
from daemon.state import DynamodbConfig, open_store
from daemon.state.base import StateStore
from daemon.state.dynamodb.table import create_table
from daemon.state.sqlite import SqliteConfig, SqliteStore
from tests.emulators import REGION, Emulator

KINDS = ("sqlite", "dynamodb on roto", "dynamodb on moto")
"""roto does not return the item in the way of a failed condition, moto does, as AWS does."""

TABLE = "vigild-tests"


@asynccontextmanager
async def opened(kind: str, folder: Path, clock: Clock, request: pytest.FixtureRequest) -> AsyncIterator[StateStore]:
    """Yield an empty store."""
    if kind == "sqlite":
        store = await open_store(
            SqliteConfig(path=folder / "state.sqlite"), AwsClients(AwsSettings()), clock, random.Random(0)
        )
        yield store
        await store.close()
        return
    emulator: Emulator = request.getfixturevalue(kind.rpartition(" ")[2])
    async with dynamodb_at(emulator.endpoint_url, clock) as store:
        yield store


@asynccontextmanager
async def dynamodb_at(
    endpoint_url: str, clock: Clock, namespace: str | None = None, **changes: Any
) -> AsyncIterator[StateStore]:
    """Yield a store in the tests' table at this address; without `namespace`, in one of its own."""
    aws = AwsClients(AwsSettings(region=REGION, endpoint_url=endpoint_url))
    config = table_config(namespace or uuid.uuid4().hex, **changes)
    await create_table(config, aws, SystemClock())
    store = await open_store(config, aws, clock, random.Random(0))
    yield store
    await store.close()
    await aws.close()


def table_config(namespace: str, **changes: Any) -> DynamodbConfig:
    """Return the configuration of a namespace in the tests' table."""
    return DynamodbConfig(type="dynamodb", table_name=TABLE, namespace=namespace, **changes)


def keep_state(path: Path) -> None:
    """Leave a state as a daemon does that has run."""

    async def keep() -> None:
        await (await SqliteStore.open(SqliteConfig(path=path), SystemClock())).close()

    anyio.run(keep)
