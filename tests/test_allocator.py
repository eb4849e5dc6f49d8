"""All threads of the process allocate from one heap."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_HEAPS_OF_THREE_THREADS = """
import ctypes, sys, threading
from daemon.allocator import use_one_heap
libc = ctypes.CDLL(None)
if sys.argv[1] == "one":
    use_one_heap()
bar = threading.Barrier(3)
def hold():
    held = [bytes(2_000) for _ in range(100)]
    bar.wait()
threads = [threading.Thread(target=hold) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fdopen.restype = ctypes.c_void_p
output = libc.fdopen(1, b"w")
libc.malloc_info(0, ctypes.c_void_p(output))
libc.fflush(ctypes.c_void_p(output))
"""


def _heaps(how: str) -> int:
    answer = subprocess.run([sys.executable, "-c", _HEAPS_OF_THREE_THREADS, how], capture_output=True, check=True)
    return answer.stdout.count(b"<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="heaps a thread are glibc's")
def test_threads_share_one_heap() -> None:
    """Threads that allocate at the same time have a heap each, unless they are told to share one."""
    assert _heaps("many") > 1
    assert _heaps("one") == 1
