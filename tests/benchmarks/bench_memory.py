"""Resident memory of the daemon while it runs through a million events, seen from outside.

`vigild run` in a process of its own, everything at its default but for paths and targets (alerts go to a file), over
the project's own sample, and over the folder that VIGILD_BENCH_EVENTS names.  Both are written several times over,
under other names and with event IDs of their own, so that every event is new.  Resident memory is asked of the kernel,
how far the daemon is of its own metrics; of each tenth of the events the median is printed, so that a rise shows
wherever it begins.
"""

from __future__ import annotations

import gzip
import os
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

from daemon.sample import SamplePlan, write_day
from tests.emulators import free_port

_EVENTS = 1_000_000
_SAMPLE_EVENTS = 200_000
_LOOK_SECONDS = 0.2
_TENTHS = 10
_EVENT_ID = re.compile(rb'("eventID": ?")[^"]{8}')
_MEMORY = re.compile(r"^(VmRSS|VmHWM):\s+(\d+) kB$", re.MULTILINE)
_RECEIVED = re.compile(rb"^vigild_events_received_total\{.*\} (\S+)$", re.MULTILINE)


class _Look(NamedTuple):
    """What one look at the daemon found."""

    events: float
    resident: int
    """Megabytes, of 1024 * 1024 bytes, as `highest`."""
    highest: int


def main() -> None:
    """Measure on the sample, and on the folder named."""
    with tempfile.TemporaryDirectory() as folder:
        write_day(Path(folder), SamplePlan(events=_SAMPLE_EVENTS, seed=7))
        measure("sample", Path(folder))
    named = os.environ.get("VIGILD_BENCH_EVENTS")
    if named:
        measure(named, Path(named))


def measure(name: str, original: Path) -> None:
    """Print resident memory by tenths of the run, and at its highest."""
    with tempfile.TemporaryDirectory() as scratch:
        files = _multiply(original, Path(scratch, "events"))
        looks = list(_watch(Path(scratch)))
    events = looks[-1].events
    tenths: list[list[int]] = [[] for _ in range(_TENTHS)]
    for look in looks:
        tenths[min(int(look.events / events * _TENTHS), _TENTHS - 1)].append(look.resident)
    by_tenth = " ".join(f"{statistics.median(tenth):.0f}" if tenth else "-" for tenth in tenths)
    print(f"{name}: {events:,.0f} events in {files:,} files, MB by tenth: {by_tenth}; highest {looks[-1].highest}")


def _multiply(original: Path, folder: Path) -> int:
    """Write the CloudTrail files of a tree until there are a million events, each with an ID of its own."""
    folder.mkdir()
    bodies = []
    for path in sorted(original.rglob("*.json.gz")):
        try:
            body = gzip.decompress(path.read_bytes())
            bodies.append((body, len(orjson.loads(body)["Records"])))
        except (EOFError, gzip.BadGzipFile, KeyError, TypeError, orjson.JSONDecodeError):
            continue  # the sample holds broken files too
    events = files = copy = 0
    while events < _EVENTS:
        for body, count in bodies:
            renamed = _EVENT_ID.sub(rb"\g<1>%08x" % copy, body)
            (folder / f"{files:06}.json.gz").write_bytes(gzip.compress(renamed, 1))
            events, files = events + count, files + 1
        copy += 1
    return files


def _watch(scratch: Path) -> Iterator[_Look]:
    """Yield looks at a daemon while it runs over the events written."""
    port = free_port()
    config = {
        "sources": {"files": {"type": "file", "paths": [str(scratch / "events")]}},
        "targets": {"alerts": {"type": "file", "path": str(scratch / "alerts.ndjson")}},
        "state": {"path": str(scratch / "state.sqlite")},
        "dead_letters": {"default": {"type": "file", "path": str(scratch / "dead.ndjson")}},
        "telemetry": {"listen": f"127.0.0.1:{port}", "log_level": "error"},
    }
    file = scratch / "vigild.yaml"
    file.write_bytes(orjson.dumps(config))
    daemon = subprocess.Popen([sys.executable, "-m", "daemon", "run", "--config", file], stdout=subprocess.DEVNULL)
    try:
        while not _has_ended(daemon):
            look = _look(daemon.pid, port)
            if look is not None and look.events:
                yield look
    finally:
        daemon.kill()
        daemon.wait()


def _has_ended(daemon: subprocess.Popen[bytes]) -> bool:
    """Wait until it has, or until it is time to look."""
    try:
        daemon.wait(_LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _look(pid: int, port: int) -> _Look | None:
    """Return what the daemon and the kernel say now, None where the daemon does not answer (yet, or any more)."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            received = sum(map(float, _RECEIVED.findall(answer.read())))
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return None
    megabytes = {name: int(kilobytes) // 1024 for name, kilobytes in _MEMORY.findall(status)}
    return _Look(received, megabytes["VmRSS"], megabytes["VmHWM"]) if "VmRSS" in megabytes else None


if __name__ == "__main__":
    main()
