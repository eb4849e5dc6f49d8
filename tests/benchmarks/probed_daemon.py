"""Runs the daemon as `vigild run` does, beside a task that sees how late the event loop turns; bench_reload starts it.

    python -m tests.benchmarks.probed_daemon run --config FILE

When the daemon has stopped, prints as JSON what was seen while the loop was late longest.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio

from daemon.app import run_daemon
from daemon.cli.start import run_async
from daemon.settings import load_settings

_EVERY_SECONDS = 0.001
_STALL_SECONDS = 0.05


@dataclass(slots=True)
class Probe:
    """How late a task that sleeps for a millisecond woke up."""

    latest: float = 0.0
    """Seconds at most, other processes' turns on the cores included."""
    most_cpu: float = 0.0
    """CPU seconds at most that all threads of the process took in one such time: what it did to be late."""
    stalls: int = 0
    """How often it was later than 50 ms."""
    turns: int = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            asked, cpu = time.perf_counter(), time.process_time()
            await anyio.sleep(_EVERY_SECONDS)
            late = time.perf_counter() - asked - _EVERY_SECONDS
            self.latest = max(self.latest, late)
            self.most_cpu = max(self.most_cpu, min(time.process_time() - cpu, late))
            self.stalls += late > _STALL_SECONDS
            self.turns += 1


async def _main() -> None:
    probe = Probe()
    async with anyio.create_task_group() as group:
        group.start_soon(probe.run)
        await run_daemon(load_settings(Path(sys.argv[sys.argv.index("--config") + 1])))
        group.cancel_scope.cancel()
    print(json.dumps(asdict(probe)))


if __name__ == "__main__":
    run_async(_main)
