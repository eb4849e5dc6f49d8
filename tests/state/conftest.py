"""The stores that every test of this folder runs on which asks for `store`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.state.base import StateStore
from tests.stores import KINDS, opened


class MovedClock(SystemClock):
    """A wall clock that tests move; it begins far ahead, so that no emulator removes by its own clock."""

    def __init__(self) -> None:
        self.time = 4_000_000_000.25

    def now(self) -> float:
        """See Clock."""
        return self.time


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture(params=KINDS)
async def store(tmp_path: Path, clock: MovedClock, request: pytest.FixtureRequest) -> AsyncIterator[StateStore]:
    async with opened(request.param, tmp_path, clock, request) as store:
        yield store
