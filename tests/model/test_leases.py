"""The lease protocol in every interleaving: no record lost, no two owners that both save positions, no lease stuck.

Each seeded fault stands for a shortcut that looks right; the checker must find it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from daemon.sources.kinesis.lease_table import LeaseTable, Refused
from daemon.sources.kinesis.leases import Lease, Versioned
from tests.model.explorer import Violation, explore
from tests.model.leases_world import LEASE_SECONDS, LeasesWorld
from tests.model.processes_world import Mishaps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MISHAPS = {
    "a pause": Mishaps(ticks=2),
    "a crash": Mishaps(crashes=1, paused=0),
    "a lost answer": Mishaps(lost_answers=1, paused=0),
}


@pytest.mark.parametrize("mishaps", MISHAPS.values(), ids=MISHAPS)
def test_no_order_of_steps_breaks_a_promise(mishaps: Mishaps) -> None:
    """Two processes on one shard: through all their interleavings, every promise holds."""
    assert explore(lambda: LeasesWorld(mishaps)) > 300


class WithoutFence(LeaseTable):
    """Writes whatever the version is."""

    async def write(self, changes: Mapping[str, tuple[Lease, int]]) -> dict[str, Versioned | Refused]:
        found = await self.read(changes)
        return await super().write({shard: (lease, found[shard].version) for shard, (lease, _) in changes.items()})


def test_a_missing_fence_is_found() -> None:
    """An owner that was paused saves its position over that of its successor."""
    with pytest.raises(Violation, match=r"position|two owners"):
        explore(lambda: LeasesWorld(Mishaps(ticks=3), table=WithoutFence))


def test_an_impatient_worker_is_found() -> None:
    """A worker that waits for less than the owner believes it has makes two owners at the same time."""
    with pytest.raises(Violation, match="two owners"):
        explore(lambda: LeasesWorld(Mishaps(ticks=2), lease_seconds=(LEASE_SECONDS, 1.0)))
