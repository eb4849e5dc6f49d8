"""`make bench ARGS="--only identities"`: ten million identities in the window, and their claims in SQLite.

The window is measured at its full size; of the claims VIGILD_BENCH_CLAIMS are made (a million unless given: ten take a
quarter of an hour), each claimed and confirmed in batches as dispatch/ does it, and what a batch costs is shown as the
file grows.
"""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import anyio

from daemon.clock import SystemClock
from daemon.dedupe.identity import cloudtrail_identity
from daemon.dedupe.window import SettledWindow
from daemon.state.base import ABSENT, Item, Write
from daemon.state.sqlite import SqliteConfig, SqliteStore

_IDENTITIES = 10_000_000
_CHUNK = 100_000
_BATCH = 500
_STEPS = 10


def main() -> None:
    """Measure both."""
    measure_window()
    anyio.run(measure_claims, int(os.environ.get("VIGILD_BENCH_CLAIMS", "1000000")))


def measure_window() -> None:
    """Fill the window to twice its size, so that it turns; print what an identity costs in memory and time."""
    window, before = SettledWindow(_IDENTITIES), _resident_bytes()
    costs, longest, most = [], 0.0, 0
    for first in range(0, 2 * _IDENTITIES, _CHUNK):
        identities = [cloudtrail_identity(str(uuid.UUID(int=number))) for number in range(first, first + _CHUNK)]
        started = time.process_time()
        for identity in identities:
            if identity not in window:
                window.add(identity)
        costs.append((time.process_time() - started) / _CHUNK)
        longest = max(longest, costs[-1] * _CHUNK)
        most = max(most, _resident_bytes() - before)
    tenth = len(costs) // 10
    started = time.process_time()
    gc.collect()
    collecting = time.process_time() - started
    print(
        f"window of {_IDENTITIES:,}: {most / 1e6:,.0f} MB at most, {most / _IDENTITIES:.0f} bytes an identity; "
        f"{statistics.median(costs[:tenth]) * 1e9:.0f} ns an event at first, "
        f"{statistics.median(costs[-tenth:]) * 1e9:.0f} ns when full; "
        f"{longest * 1e3:.0f} ms the slowest {_CHUNK:,}, {collecting * 1e3:.0f} ms a full garbage collection"
    )


async def measure_claims(count: int) -> None:
    """Claim and confirm so many intents; print bytes on disk and CPU and time an intent, in tenths."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "state.sqlite")
        store = await SqliteStore.open(SqliteConfig(path=path, max_bytes=64 * 1024**3), SystemClock())
        for step in range(_STEPS):
            wall, cpu = time.perf_counter(), time.process_time()
            for keys in _keys(step * count // _STEPS, (step + 1) * count // _STEPS):
                await _claim_and_confirm(store, keys)
            made = (step + 1) * count // _STEPS
            size = _size(folder)
            each = (time.process_time() - cpu) / (count / _STEPS) * 1e6
            spent = (time.perf_counter() - wall) / (count / _STEPS) * 1e6
            print(f"{made:>12,} claims: {each:.0f} µs CPU, {spent:.0f} µs each, {size / made:.0f} bytes each on disk")
        await store.close()


def _keys(first: int, end: int) -> Iterator[list[str]]:
    for start in range(first, end, _BATCH):
        numbers = range(start, min(start + _BATCH, end))
        yield ["claim/" + blake2b(number.to_bytes(8), digest_size=16).hexdigest() for number in numbers]


async def _claim_and_confirm(store: SqliteStore, keys: list[str]) -> None:
    expires_at = time.time() + 86_400
    claimed = b'{"state":"claimed","session":"0123456789abcdef"}'
    done = b'{"state":"done","session":"0123456789abcdef"}'
    answers = await store.put([Write(key, claimed, ABSENT, expires_at) for key in keys])
    held = [answer.version for answer in answers if isinstance(answer, Item)]
    await store.put([Write(key, done, version, expires_at) for key, version in zip(keys, held, strict=True)])


def _size(folder: str) -> int:
    return sum(part.stat().st_size for part in Path(folder).iterdir())


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    main()
