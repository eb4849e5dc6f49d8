"""Runs a source the way the pipeline does, and collects what it hands out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio

from daemon.event import Delivery
from daemon.sources.base import EndOfSource, Source
from daemon.telemetry import Telemetry
from daemon.telemetry.names import Settlement


@asynccontextmanager
async def running(source: Source) -> AsyncIterator[None]:
    """Open the source, run it, and take it through an ordered stop at the end."""
    await source.open()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(source.run)
        yield
        source.quiesce()
        await source.flush()
        tasks.cancel_scope.cancel()
    await source.close()


@asynccontextmanager
async def crashing(source: Source) -> AsyncIterator[None]:
    """Open the source and run it, and at the end drop it as a kill does: what settle held back is lost."""
    await source.open()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(source.run)
        yield
        tasks.cancel_scope.cancel()
    await source.close()


@asynccontextmanager
async def killed(source: Source) -> AsyncIterator[None]:
    """Open the source and run it, and drop it in the middle: nothing is flushed, nothing is closed in order."""
    await source.open()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(source.run)
        yield
        tasks.cancel_scope.cancel()


async def receive(source: Source, most: int, seconds: float = 10.0) -> list[Delivery]:
    """Receive until `most` deliveries are there, the source has ended, or the time is up."""
    deliveries: list[Delivery] = []
    with anyio.move_on_after(seconds):
        while len(deliveries) < most:
            try:
                deliveries += await source.receive()
            except EndOfSource:
                break
    return deliveries


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something holds; fail when it does not within the time."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in an emulator or in a thread
            await anyio.sleep(0.01)


def bodies(deliveries: Sequence[Delivery]) -> list[bytes]:
    """Return what was received, sorted."""
    return sorted(delivery.body for delivery in deliveries)


def counted(telemetry: Telemetry, metric: str, source: str = "orders") -> float:
    """Return the counter's value for the source, over all other labels."""
    return sum(
        sample.value
        for family in telemetry.metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"vigild_{metric}" and sample.labels.get("source") == source
    )


async def read(source: Source, settlement: Settlement = Settlement.ACKNOWLEDGED) -> list[Delivery]:
    """Run the source to its end and settle everything."""
    deliveries: list[Delivery] = []
    async with running(source):
        while True:
            try:
                received = await source.receive()
            except EndOfSource:
                return deliveries
            deliveries += received
            await source.settle(received, settlement)
