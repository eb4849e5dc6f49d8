"""How often the daemon asks its state store, counted at the store."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.state.base import ABSENT, Conflict, Delete, Item, Write
from daemon.state.sqlite import SqliteStore
from tests.daemons import assembled
from tests.e2e.watching import RULES, event

pytestmark = pytest.mark.anyio

CLAIM = "claim/"


class Calls:
    """The calls about claims, as lists of the keys in each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.claims: list[int] = []
        self.confirmations = 0
        self.others = 0
        put, get, delete = SqliteStore.put, SqliteStore.get, SqliteStore.delete

        async def counted_put(store: SqliteStore, writes: Sequence[Write]) -> list[Item | Conflict]:
            ours = [write for write in writes if write.key.startswith(CLAIM)]
            if ours and all(write.expect == ABSENT for write in ours):
                self.claims.append(len(ours))
            elif ours:
                self.confirmations += 1
            return await put(store, writes)

        async def counted_get(store: SqliteStore, keys: Sequence[str]) -> list[Item | None]:
            self.others += any(key.startswith(CLAIM) for key in keys)
            return await get(store, keys)

        async def counted_delete(store: SqliteStore, deletes: Sequence[Delete]) -> list[Conflict | None]:
            self.others += any(deleted.key.startswith(CLAIM) for deleted in deletes)
            return await delete(store, deletes)

        monkeypatch.setattr(SqliteStore, "put", counted_put)
        monkeypatch.setattr(SqliteStore, "get", counted_get)
        monkeypatch.setattr(SqliteStore, "delete", counted_delete)


async def run(folder: Path, numbers: Sequence[int]) -> None:
    """Run the daemon over a file of events; those with an odd number match, and go to a file."""
    rng = random.Random(7)
    (folder / "events.ndjson").write_bytes(b"".join(event(number, rng) + b"\n" for number in numbers))
    (folder / "rules.yaml").write_text(RULES)
    config = {
        "sources": {"events": {"type": "file", "paths": [str(folder / "events.ndjson")]}},
        "rules": [str(folder / "rules.yaml")],
        "targets": {"alerts": {"type": "file", "path": str(folder / "alerts.ndjson")}},
        "state": {"path": str(folder / "state.sqlite")},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
    }
    async with assembled(config) as parts:
        await parts.pipeline.run()


async def test_a_batch_is_claimed_in_one_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty events that match among fifty that do not cost one call to claim, and a confirmation each."""
    calls = Calls(monkeypatch)
    await run(tmp_path, range(100))
    assert len((tmp_path / "alerts.ndjson").read_bytes().splitlines()) == 50
    assert calls.claims == [50]
    assert calls.confirmations == 50
    assert calls.others == 0


async def test_events_that_match_nothing_ask_the_store_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a match there is neither a claim nor a look at one."""
    calls = Calls(monkeypatch)
    await run(tmp_path, range(0, 200, 2))
    assert (calls.claims, calls.confirmations, calls.others) == ([], 0, 0)
