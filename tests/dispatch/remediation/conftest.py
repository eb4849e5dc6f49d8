"""A state store and a clock for the parts of remediation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.clients import AwsClients
from daemon.state.sqlite import SqliteConfig, SqliteStore
from tests.clocks import HandWound
from tests.e2e.estates import estate_of
from tests.emulators import Emulator
from tests.faults import FaultProxy


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


@pytest.fixture
async def proxy(moto: Emulator) -> AsyncIterator[FaultProxy]:
    """Yield a proxy before the estate, for a process to go through."""
    async with FaultProxy(moto.endpoint_url) as opened:
        yield opened


@pytest.fixture
async def aws(moto: Emulator) -> AsyncIterator[AwsClients]:
    """Yield plain clients of the estate."""
    async with estate_of(moto) as clients:
        yield clients
