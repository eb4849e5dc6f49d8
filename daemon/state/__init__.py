"""The memory that outlives the process: one protocol (base.py), one file or folder a store, listed in the table below.

dedupe/ keeps claims in it, sources/ their positions.  To add a store: a file with its Config (with a `type`) and a
class that keeps the promises of base.StateStore, a line in STATE_STORES and in open_store, and its place in
tests/state/conftest.py, which holds every store to the same promises.
"""

from __future__ import annotations

import random
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from daemon.clients import AwsClients
from daemon.clock import Clock
from daemon.state.base import StateStore
from daemon.state.dynamodb import DynamodbConfig, DynamodbStore
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.yaml_file import Strict

__all__ = ("STATE_STORES", "AnyStateConfig", "DynamodbConfig", "DynamodbStore", "SqliteConfig", "open_store")

STATE_STORES: dict[str, type[Strict]] = {"dynamodb": DynamodbConfig, "sqlite": SqliteConfig}


def _type_of(config: Any) -> Any:
    return config.get("type", "sqlite") if isinstance(config, dict) else getattr(config, "type", None)


AnyStateConfig = Annotated[
    Annotated[SqliteConfig, Tag("sqlite")] | Annotated[DynamodbConfig, Tag("dynamodb")], Discriminator(_type_of)
]
"""Any store's configuration, told apart by `type`; without it, SQLite's."""


async def open_store(config: AnyStateConfig, aws: AwsClients, clock: Clock, rng: random.Random) -> StateStore:
    """Open the store that the configuration names.  Raises StateError."""
    if isinstance(config, DynamodbConfig):
        return await DynamodbStore.open(config, aws, clock, rng)
    return await SqliteStore.open(config, clock)
