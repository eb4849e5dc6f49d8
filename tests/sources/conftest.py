"""What tests of sources stand on: a context with a real store, a source that runs, an SQS with faults in front."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.sources.base import SourceContext
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry import Telemetry, build_telemetry
from tests.emulators import Emulator
from tests.faults import FaultProxy
from tests.sources.queues import clients_at


@pytest.fixture
def telemetry() -> Telemetry:
    return build_telemetry()


@pytest.fixture
async def faults(roto: Emulator) -> AsyncIterator[FaultProxy]:
    """Yield a proxy in front of roto's SQS; through it go all calls of `aws`."""
    async with FaultProxy(roto.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
async def aws(faults: FaultProxy) -> AsyncIterator[AwsClients]:
    clients = clients_at(faults.endpoint_url)
    yield clients
    await clients.close()


@pytest.fixture
async def context(tmp_path: Path, telemetry: Telemetry, aws: AwsClients) -> AsyncIterator[SourceContext]:
    clock = SystemClock()
    store = await SqliteStore.open(SqliteConfig(path=tmp_path / "state" / "state.sqlite"), clock)
    yield SourceContext(telemetry, clock, random.Random(0), aws, store)
    await store.close()
