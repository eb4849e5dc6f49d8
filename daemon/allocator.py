"""Keeps memory in one heap: app.py calls it once, before there is a second thread.

glibc gives each thread a heap of its own.  Documents are read and unpacked in worker threads and dropped in the event
loop's, so that every such heap grows to what it held at its fullest, with holes between what lives longer; over a
million events that adds up to some 30 MB, and more for each further worker thread.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""malloc.h of glibc; mallopt(3)."""


def use_one_heap() -> None:
    """Have all threads allocate from one heap; no effect where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
