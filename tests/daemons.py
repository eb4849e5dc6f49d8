"""A whole daemon inside the test's own process: assembled from its configuration, run, stopped in order."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio import to_thread

from daemon.assembly import Parts, assemble
from daemon.clock import Clock, SystemClock
from daemon.settings import load_settings
from daemon.telemetry import build_telemetry
from daemon.telemetry.log import LogFormat, LogLevel


@asynccontextmanager
async def assembled(config: Mapping[str, Any], clock: Clock | None = None) -> AsyncIterator[Parts]:
    """Yield a daemon that is ready to run its pipeline."""
    # As in the command line: read before the event loop has anything else to do.
    settings = await to_thread.run_sync(load_settings, None, dict(config))
    clock = clock or SystemClock()
    telemetry = build_telemetry(LogFormat.JSON, LogLevel.ERROR, clock)
    async with assemble(settings, telemetry, clock, random.Random(7)) as parts:
        await parts.session.renew()
        yield parts


@asynccontextmanager
async def running_daemon(config: Mapping[str, Any]) -> AsyncIterator[Parts]:
    """Yield a daemon that runs until the block ends, then drains for a second."""
    async with assembled(config) as parts, anyio.create_task_group() as tasks:
        tasks.start_soon(parts.pipeline.run)
        yield parts
        parts.pipeline.stop(grace_seconds=0.0, drain_seconds=1.0)
