"""Random courses of three processes that share groups: cut off anywhere, every alert is told, and counted once."""

from __future__ import annotations

import random
from pathlib import Path

import anyio
import pytest

from tests.clocks import HandWound
from tests.dispatch.alerts.replica import NOON, Replica, event, notes, replica
from tests.servers import Server, serve, status

pytestmark = pytest.mark.anyio

GROUP = {"by": ["rule"], "wait_seconds": 5, "interval_seconds": 10, "repeat_seconds": 10, "close_after_seconds": 40}


def counted(server: Server) -> int:
    """Return how many alerts the notes count; copies of a note, which are equal, count once."""
    told: dict[tuple[str, int], int] = {}
    for note in notes(server):
        assert told.setdefault((note["id"], note["sequence"]), note["count"]) == note["count"]
    return sum(told.values())


async def _cut_off(rng: random.Random, process: Replica, numbers: range, *, look: bool) -> None:
    """Begin with some alerts, or with what is due, and stop in the middle."""
    with anyio.move_on_after(rng.uniform(0.0, 0.02)):
        if look:
            await process.look()
        else:
            await process.alert(*(event(number, f"i-{number % 5}") for number in numbers))


@pytest.mark.parametrize("seed", range(12))
async def test_every_alert_is_counted_once(tmp_path: Path, seed: int) -> None:
    """Batches are cut off, come again at another process, notes fail and are cut off: the sum is exact."""
    rng, clock = random.Random(seed), HandWound(NOON)
    async with (
        serve(*(status(rng.choice((200, 200, 503))) for _ in range(10)), status(200)) as server,
        replica(tmp_path, server, clock, group=GROUP) as first,
        replica(tmp_path, server, clock, group=GROUP) as second,
        replica(tmp_path, server, clock, group=GROUP) as third,
    ):
        processes, number = (first, second, third), 0
        for _ in range(15):
            batch = range(number, number + rng.randint(1, 12))
            number = batch.stop
            for process in rng.sample(processes, rng.randint(0, 2)):
                await _cut_off(rng, process, batch, look=False)
            await _cut_off(rng, rng.choice(processes), batch, look=True)
            # Delivered again until somebody acknowledges it.
            with anyio.fail_after(30):
                await rng.choice(processes).alert(*(event(each, f"i-{each % 5}") for each in batch))
            await rng.choice(processes).wait(rng.choice((0, 1, 6, 15)))
        with anyio.fail_after(60):
            while counted(server) < number:
                for process in processes:
                    await process.wait(6)

        assert counted(server) == number
