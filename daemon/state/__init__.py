"""The memory that outlives the process: one protocol (base.py), one file a store, listed in the table below.

dedupe/ keeps claims in it, sources/ their positions.  To add a store: a file with its Config (with a `type`) and a
class that keeps the promises of base.StateStore, a line in STATE_STORES and in open_store, and its place in
tests/state/test_contract.py, which holds every store to the same promises.
"""

from __future__ import annotations

from daemon.clock import Clock
from daemon.state.base import StateStore
from daemon.state.sqlite import SqliteConfig, SqliteStore

__all__ = ("STATE_STORES", "StateConfig", "open_store")

STATE_STORES = {"sqlite": SqliteConfig}

StateConfig = SqliteConfig


async def open_store(config: StateConfig, clock: Clock) -> StateStore:
    """Open the store that the configuration names.  Raises StateError."""
    return await SqliteStore.open(config, clock)
