"""What the tests of claims and sessions stand on: a clock, and a state store of each kind that goes by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.state.base import StateStore
from tests.clocks import HandWound
from tests.stores import KINDS, opened


@pytest.fixture
def clock() -> HandWound:
    return HandWound(4_000_000_000.0)


@pytest.fixture(params=KINDS)
async def store(tmp_path: Path, clock: HandWound, request: pytest.FixtureRequest) -> AsyncIterator[StateStore]:
    async with opened(request.param, tmp_path, clock, request) as store:
        yield store
