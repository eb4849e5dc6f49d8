"""The state store goes away under a real daemon: some targets wait for it, others go ahead."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.failures import configuration, depth, event, lines, queue_of, send, until
from tests.e2e.processes import run_daemon
from tests.emulators import Emulator
from tests.servers import serve

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold SQLite's write lock, as a process that hangs in a transaction does."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


async def test_targets_wait_or_proceed_while_state_is_away(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """One target gets its alerts at once, the other one when state is back; what was done meanwhile is remembered."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"away-{tmp_path.name}")
    async with serve() as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url, hook={"when_state_is_away": "proceed"})
        config["state"]["busy_timeout_seconds"] = 0.2
        config["dedupe"] = {"session_seconds": 3, "state_away_after_seconds": 1}
        (tmp_path / "rules.yaml").write_text(
            "rules: [{name: x, description: d, severity: low, pattern: {source: [aws.ec2]}, targets: [hook, own]}]"
        )
        with run_daemon(tmp_path, config) as process:
            await to_thread.run_sync(process.wait_until_ready)
            with locked(tmp_path / "state.sqlite"):
                await until(process, lambda: process.metric("vigild_state_away") == 1, "away")
                await send(client, queue, *map(event, range(20)))
                await until(process, lambda: len(server.requests) == 20, "sent all the same")
                ready, why = await to_thread.run_sync(process.fetch, "/readyz")
                assert lines(tmp_path / "own.ndjson") == []
                assert (await depth(client, queue))[1] == 20, "unacknowledged"
            await until(process, lambda: len(lines(tmp_path / "own.ndjson")) == 20, "sent now")
            await until(process, lambda: process.fetch("/readyz")[0] == 200, "ready")
            assert process.metric("vigild_intents_unclaimed_total", target="hook") == 20
            assert process.metric("vigild_state_away") == 0
            assert await to_thread.run_sync(process.stop) == 0

        await send(client, queue, *map(event, range(20)))
        with run_daemon(tmp_path, config) as other:
            duplicates = {"outcome": "duplicate"}
            await until(other, lambda: other.metric("vigild_events_settled_total", **duplicates) == 20, "known")
            assert await to_thread.run_sync(other.stop) == 0

    assert ready == 503
    assert "wait: own, pager; proceed, perhaps twice: hook" in why
    keys = Counter(request.headers["Idempotency-Key"] for request in server.requests)
    assert len(keys) == 20
    assert set(keys.values()) == {1}
    assert len({line["key"] for line in lines(tmp_path / "own.ndjson")}) == len(lines(tmp_path / "own.ndjson")) == 20
    assert await depth(client, queue) == (0, 0)
