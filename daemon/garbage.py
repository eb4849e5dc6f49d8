"""Pauses the garbage collector while much is built that is no garbage, which it would go through again and again.

app.py loads rules so, match/ reads large events so.  Threads may pause it at the same time: it goes on after the last.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class _Pauses:
    """Counts those who need the collector paused."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._was_enabled = False

    def begin(self) -> None:
        with self._lock:
            if self._count == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._was_enabled:
                gc.enable()


_pauses = _Pauses()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector from running, in all threads."""
    _pauses.begin()
    try:
        yield
    finally:
        _pauses.end()
