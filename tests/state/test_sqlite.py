"""What only the SQLite store does."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.errors import StateError
from daemon.state.base import ABSENT, Delete, Item, Write
from daemon.state.sqlite import SqliteConfig, SqliteStore, connect
from tests.state.conftest import MovedClock

pytestmark = pytest.mark.anyio


async def test_what_was_written_outlives_the_process(tmp_path: Path, clock: MovedClock) -> None:
    """A store opened again on the same file has everything."""
    config = SqliteConfig(path=tmp_path / "state.sqlite")
    store = await SqliteStore.open(config, clock)
    (written,) = await store.put([Write("test/a", b"1", ABSENT)])
    await store.close()

    again = await SqliteStore.open(config, clock)
    assert [written] == await again.get(["test/a"])
    await again.close()


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    """Each commit waits for the disk (2 is FULL), because messages are deleted from their queues on its word."""
    connection = connect(SqliteConfig(path=tmp_path / "state.sqlite"))

    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    connection.close()
    assert (journal, synchronous) == ("wal", 2)


async def test_a_file_that_is_no_store_is_refused(tmp_path: Path, clock: MovedClock) -> None:
    """Garbage where the state should be stops with an error that names the file."""
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"this is no database, " * 100)

    with pytest.raises(StateError, match=r"state\.sqlite.*not a database"):
        await SqliteStore.open(SqliteConfig(path=path), clock)


async def test_a_full_store_says_so_and_goes_on(tmp_path: Path, clock: MovedClock) -> None:
    """A store at its size limit refuses writes with an error, still reads, and writes again after a delete."""
    store = await SqliteStore.open(SqliteConfig(path=tmp_path / "state.sqlite", max_bytes=1024**2), clock)
    written = 0
    with pytest.raises(StateError, match="full"):
        while True:
            await store.put([Write(f"item/{written}", b"x" * 50_000, ABSENT)])
            written += 1

    assert len([item async for item in store.scan("item/")]) == written
    await store.delete([Delete(f"item/{number}", None) for number in range(written // 2)])
    (more,) = await store.put([Write("test/more", b"x", ABSENT)])
    assert isinstance(more, Item)
    await store.close()


async def test_purge_removes_what_has_expired(tmp_path: Path, clock: MovedClock) -> None:
    """Expired items leave the file, the others stay."""
    store = await SqliteStore.open(SqliteConfig(path=tmp_path / "state.sqlite"), clock)
    writes = [Write(f"test/{number}", b"1", ABSENT, expires_at=clock.time + number) for number in range(10)]
    await store.put([*writes, Write("test/lasting", b"1", ABSENT)])
    clock.time += 6

    assert await store.purge() == 7
    assert await store.purge() == 0
    await store.close()


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_a_file_that_was_removed_is_a_store_that_is_away(tmp_path: Path, clock: MovedClock, suffix: str) -> None:
    """Nothing is read from or written to what nobody else can see; with the same file back it goes on."""
    store = await SqliteStore.open(SqliteConfig(path=tmp_path / "state.sqlite"), clock)
    await store.put([Write("test/a", b"1", ABSENT)])
    file, aside = tmp_path / f"state.sqlite{suffix}", tmp_path / "aside"
    file.rename(aside)

    with pytest.raises(StateError, match=rf"state\.sqlite{suffix} was removed.*restart vigild"):
        await store.put([Write("test/b", b"1", ABSENT)])
    with pytest.raises(StateError, match="was removed"):
        await store.get(["test/a"])
    with pytest.raises(StateError, match="was removed"):
        await store.check()

    aside.rename(file)
    assert [item and item.value for item in await store.get(["test/a", "test/b"])] == [b"1", None]
    await store.close()


async def test_a_file_that_was_replaced_is_a_store_that_is_away(tmp_path: Path, clock: MovedClock) -> None:
    """A store that another process made in its place is neither opened nor harmed, whatever becomes of the old one."""
    config = SqliteConfig(path=tmp_path / "state.sqlite")
    store = await SqliteStore.open(config, clock)
    await store.put([Write("test/a", b"1", ABSENT)])
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"state.sqlite{suffix}").unlink()
    other = await SqliteStore.open(config, clock)
    await other.put([Write("hold/a", b"stop", ABSENT)])

    with pytest.raises(StateError, match=r"another file stands at .*state\.sqlite.*restart vigild"):
        await store.get(["hold/a"])
    await store.close()
    assert [item and item.value for item in await other.get(["hold/a", "test/a"])] == [b"stop", None]
    await other.close()
