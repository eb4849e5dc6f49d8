"""The state store goes away under a real daemon: some targets wait for it, others go ahead."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import pytest
from anyio import to_thread

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.errors import StateError
from daemon.state.base import Delete, Write
from daemon.state.sqlite import SqliteConfig, SqliteStore
from tests.e2e.failures import configuration, depth, event, lines, queue_of, send, until
from tests.e2e.processes import run_daemon
from tests.emulators import Emulator
from tests.servers import serve

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


RULES = "rules: [{name: x, description: d, severity: low, pattern: {source: [aws.ec2]}, targets: [hook, own]}]"


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


@asynccontextmanager
async def filled(path: Path) -> AsyncIterator[None]:
    """Fill a store of 1 MiB to the last page."""
    store = await SqliteStore.open(SqliteConfig(path=path, max_bytes=1024**2), SystemClock())
    keys: list[str] = []
    for size in (200_000, 3_000):
        with suppress(StateError):
            while True:
                key = f"filler/{len(keys)}"
                await store.put([Write(key, b"x" * size, None)])
                keys.append(key)
    try:
        yield
    finally:
        await store.delete([Delete(key, None) for key in keys])
        await store.close()


@pytest.mark.anyio
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
        (tmp_path / "rules.yaml").write_text(RULES)
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


@pytest.mark.anyio
async def test_a_full_disk_under_sqlite_is_state_that_is_away(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """The lease is renewed, but nothing new can be written: unready, waiting and going ahead as configured."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"full-{tmp_path.name}")
    async with serve() as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url, hook={"when_state_is_away": "proceed"})
        config["state"]["max_bytes"] = 1024**2
        config["dedupe"] = {"session_seconds": 3, "state_away_after_seconds": 1}
        (tmp_path / "rules.yaml").write_text(RULES)
        with run_daemon(tmp_path, config) as process:
            await to_thread.run_sync(process.wait_until_ready)
            async with filled(tmp_path / "state.sqlite"):
                await send(client, queue, *map(event, range(100)))
                await until(process, lambda: len(server.requests) == 100, "sent all the same")
                ready, why = await to_thread.run_sync(process.fetch, "/readyz")
                assert len(lines(tmp_path / "own.ndjson")) < 50, "the claims that found room in pages half full"
            await until(process, lambda: len(lines(tmp_path / "own.ndjson")) == 100, "sent now")
            await until(process, lambda: process.fetch("/readyz")[0] == 200, "ready")
            assert await to_thread.run_sync(process.stop) == 0

    assert ready == 503
    assert "claims: sqlite: " in why
    assert len(server.requests) == 100
    assert await depth(client, queue) == (0, 0)


def test_a_start_without_state_is_tried_again_by_supervisors(tmp_path: Path) -> None:
    """Exit code 1, not the 2 of a wrong configuration, after which systemd gives up."""
    config = {"state": {"path": str(tmp_path / "state.sqlite"), "busy_timeout_seconds": 0.1}}
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with locked(tmp_path / "state.sqlite"), run_daemon(tmp_path, config, str(tmp_path)) as process:
        assert process.process.wait(60) == 1
    assert "vigild: state: sqlite: " in process.log_text()


@pytest.mark.anyio
async def test_a_state_file_that_was_removed_is_state_that_is_away(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """Nobody works on in a file that no other process sees: unready, waiting, and stopped in order all the same."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"removed-{tmp_path.name}")
    async with serve() as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url, hook={"when_state_is_away": "proceed"})
        config["dedupe"] = {"session_seconds": 3, "state_away_after_seconds": 1}
        (tmp_path / "rules.yaml").write_text(RULES)
        state, aside = tmp_path / "state.sqlite", tmp_path / "aside"
        with run_daemon(tmp_path, config) as process:
            await to_thread.run_sync(process.wait_until_ready)
            state.rename(aside)
            await until(process, lambda: process.metric("vigild_state_away") == 1, "away")
            await send(client, queue, *map(event, range(20)))
            await until(process, lambda: len(server.requests) == 20, "sent all the same")
            ready, why = await to_thread.run_sync(process.fetch, "/readyz")
            assert lines(tmp_path / "own.ndjson") == []
            aside.rename(state)
            await until(process, lambda: len(lines(tmp_path / "own.ndjson")) == 20, "sent now")
            await until(process, lambda: process.fetch("/readyz")[0] == 200, "ready")
            state.unlink()
            await until(process, lambda: process.metric("vigild_state_away") == 1, "away again")
            assert await to_thread.run_sync(process.stop) == 0
            assert not state.exists()

    assert ready == 503
    assert f"{state} was removed while it is in use: put it back, or restart vigild" in why
