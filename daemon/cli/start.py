"""Starts the event loop for a command, and runs the daemon in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from daemon.app import run_daemon
from daemon.settings import Settings
from daemon.sources.base import Source
from daemon.summary import Summary

T = TypeVar("T")


def run_async(main: Callable[[], Awaitable[T]]) -> T:
    """Run on uvloop."""
    return anyio.run(main, backend_options={"use_uvloop": True})


def run_to_end(settings: Settings, watch: Callable[[list[Source]], None] | None = None) -> Summary:
    """Run the daemon until it has stopped."""
    return run_async(lambda: run_daemon(settings, watch))
