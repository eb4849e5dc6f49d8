"""A state store and a clock for the parts of remediation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.state.sqlite import SqliteConfig, SqliteStore
from tests.clocks import HandWound


@pytest.fixture
def clock() -> HandWound:
    """Return a clock that stands at the beginning of an hour."""
    return HandWound(3_600.0 * 400_000)


@pytest.fixture
async def store(tmp_path: Path, clock: HandWound) -> AsyncIterator[SqliteStore]:
    """Yield an empty store."""
    opened = await SqliteStore.open(SqliteConfig(path=tmp_path / "state.sqlite"), clock)
    yield opened
    await opened.close()
