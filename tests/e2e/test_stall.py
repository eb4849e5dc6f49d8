"""An event loop that stood still shows in the metrics of the daemon."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from tests.e2e.processes import DaemonProcess, run_daemon
from tests.e2e.watching import alerting

pytestmark = pytest.mark.slow


def stalls_of_a_second(process: DaemonProcess) -> float:
    """Return how often the loop woke up over a second late."""
    seen = process.metric("vigild_loop_stall_seconds_count")
    return seen - process.metric("vigild_loop_stall_seconds_bucket", le="1.0")


def test_a_process_that_stood_still_says_so(tmp_path: Path) -> None:
    """After a SIGSTOP of three seconds the histogram has one stall more of over a second, and the daemon goes on."""
    (tmp_path / "events").mkdir()
    source = {"type": "file", "paths": [str(tmp_path / "events")], "follow": True}
    with run_daemon(
        tmp_path, alerting(tmp_path, {"files": source}, "http://127.0.0.1:9/", "http://127.0.0.1:9")
    ) as one:
        one.wait_until_ready()
        before = stalls_of_a_second(one)
        one.process.send_signal(signal.SIGSTOP)
        threading.Event().wait(3)
        one.process.send_signal(signal.SIGCONT)
        one.wait_for(lambda: stalls_of_a_second(one) > before, "stalled")
        one.wait_until_ready()
        assert one.stop() == 0
