"""StateStore in one SQLite file: the embedded default.  Several processes of one host may share the file (WAL).

dedupe/ and sources/ call it through the StateStore protocol.  SQLite blocks, so every call runs in one worker thread;
one connection, one statement at a time.  Puts that wait at the same time share one transaction.
"""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from anyio import CapacityLimiter, Lock, get_cancelled_exc_class, to_thread
from pydantic import Field

from daemon.clock import Clock
from daemon.errors import StateError
from daemon.grants import Grant, Place
from daemon.state.base import ABSENT, Conflict, Delete, Item, Write, check_write, collection_of
from daemon.state.standing import Standing
from daemon.yaml_file import Strict

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL, expires_at REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_by_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;
"""
_SCHEMA_VERSION = 1
_PAGE_BYTES = 4096
_SCAN_ITEMS = 500
_PURGE_ITEMS = 2_000
_AFTER_ANY_KEY = "\U0010ffff"


class SqliteConfig(Strict):
    """State in one file on this host."""

    type: Literal["sqlite"] = "sqlite"
    path: Path = Path("var/state.sqlite")
    """The file; its folder is made when missing.  Not on a network file system: SQLite's locks do not hold there."""
    max_bytes: int = Field(default=4 * 1024**3, ge=1024**2)
    """The file grows no further; when it is full, intents wait and the daemon is not ready."""
    busy_timeout_seconds: float = Field(default=5.0, gt=0, le=60)
    """How long to wait for another process that writes."""

    @property
    def where(self) -> str:
        """Which state this is, for a person who looks for something in it."""
        return f"state file {self.path.absolute()}"

    @property
    def start_over(self) -> str:
        """What a person does to forget everything."""
        return f"remove the state: {self.path}"

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """Return what it needs from IAM: nothing, unless it calls AWS."""
        del place
        return ()


class _Commit:
    """Writes of several callers that go into one transaction; those that come while one runs gather in the next."""

    def __init__(self) -> None:
        self.batches: dict[object, Sequence[Write]] = {}
        self.answers: dict[object, list[Item | Conflict]] | None = None


class SqliteStore:
    """See StateStore.  Open with `await SqliteStore.open(config, clock)`."""

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Clock) -> None:
        self._connection = connection
        self._standing = Standing(path)
        self._path = path
        self._clock = clock
        self._thread = CapacityLimiter(1)
        self._turn = Lock()
        self._gathering = _Commit()
        self._versions = random.Random(secrets.token_bytes(32))

    @classmethod
    async def open(cls, config: SqliteConfig, clock: Clock) -> SqliteStore:
        """Open or create the file.  Raises StateError where it cannot be used."""
        return await to_thread.run_sync(lambda: cls(connect(config), config.path, clock))

    async def get(self, keys: Sequence[str]) -> list[Item | None]:
        """See StateStore."""
        now = self._clock.now()
        return await self._run(self._read_all, keys, now)

    async def put(self, writes: Sequence[Write]) -> list[Item | Conflict]:
        """See StateStore."""
        for write in writes:
            check_write(write)
        commit, ours = self._gathering, object()
        commit.batches[ours] = writes
        try:
            await self._turn.acquire()
        except get_cancelled_exc_class():
            if commit is self._gathering:
                del commit.batches[ours]
            raise
        try:
            if commit is self._gathering:
                self._gathering = _Commit()
                commit.answers = await self._run(self._write_all, commit.batches, self._clock.now())
        finally:
            self._turn.release()
        if commit.answers is None:
            raise StateError("sqlite: the transaction that this write was part of failed")
        return commit.answers[ours]

    async def delete(self, deletes: Sequence[Delete]) -> list[Conflict | None]:
        """See StateStore."""
        now = self._clock.now()

        def delete_all() -> list[Conflict | None]:
            with self._transaction():
                return [self._remove(delete, now) for delete in deletes]

        return await self._run(delete_all)

    async def scan(self, prefix: str) -> AsyncIterator[Item]:
        """See StateStore."""
        collection_of(prefix)
        after, first = prefix, True
        while True:
            page = await self._run(self._page, prefix, after, first)
            for item in page:
                yield item
            if len(page) < _SCAN_ITEMS:
                return
            after, first = page[-1].key, False

    async def purge(self) -> int:
        """See StateStore."""
        now = self._clock.now()

        def purge_some() -> int:
            with self._transaction():
                return self._connection.execute(
                    "DELETE FROM items WHERE key IN (SELECT key FROM items WHERE expires_at <= ? LIMIT ?)",
                    (now, _PURGE_ITEMS),
                ).rowcount

        return await self._run(purge_some)

    async def check(self) -> str:
        """See StateStore."""
        (pages,) = await self._run(lambda: self._connection.execute("PRAGMA page_count").fetchone())
        return f"sqlite: {self._path}, {pages * _PAGE_BYTES:,} bytes"

    async def close(self) -> None:
        """See StateStore."""
        await to_thread.run_sync(self._connection.close, limiter=self._thread)

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        def look_and_work() -> T:
            self._standing.check()
            return work(*args)

        try:
            return await to_thread.run_sync(look_and_work, limiter=self._thread)
        except sqlite3.Error as error:
            raise StateError(f"sqlite: {error}") from error

    def _transaction(self) -> sqlite3.Connection:
        # IMMEDIATE: a reader that turns writer half-way can only fail, so the write lock is taken first.
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def _read_all(self, keys: Sequence[str], now: float) -> list[Item | None]:
        rows = self._connection.execute(
            "SELECT key, value, version, expires_at FROM items WHERE key IN (SELECT value FROM json_each(?))"
            " AND (expires_at IS NULL OR expires_at > ?)",
            (json.dumps(keys), now),
        )
        there = {row[0]: Item(*row) for row in rows}
        return [there.get(key) for key in keys]

    def _read(self, key: str, now: float) -> Item | None:
        row = self._connection.execute("SELECT value, version, expires_at FROM items WHERE key = ?", (key,)).fetchone()
        if row is None or (row[2] is not None and row[2] <= now):
            return None
        return Item(key, row[0], row[1], row[2])

    def _write_all(self, batches: dict[object, Sequence[Write]], now: float) -> dict[object, list[Item | Conflict]]:
        with self._transaction():
            return {caller: self._write_batch(writes, now) for caller, writes in batches.items()}

    def _write_batch(self, writes: Sequence[Write], now: float) -> list[Item | Conflict]:
        if all(write.expect is None for write in writes):
            return [*self._store(writes)]
        return [self._write(write, now) for write in writes]

    def _write(self, write: Write, now: float) -> Item | Conflict:
        if write.expect is not None:
            current = self._read(write.key, now)
            if (current.version if current else ABSENT) != write.expect:
                return Conflict(current)
        (item,) = self._store([write])
        return item

    def _store(self, writes: Sequence[Write]) -> list[Item]:
        items = [Item(write.key, write.value, self._versions.getrandbits(62) + 1, write.expires_at) for write in writes]
        self._connection.executemany(
            "INSERT OR REPLACE INTO items (key, value, version, expires_at) VALUES (?, ?, ?, ?)",
            map(msgspec.structs.astuple, items),
        )
        return items

    def _remove(self, delete: Delete, now: float) -> Conflict | None:
        if delete.expect is not None:
            current = self._read(delete.key, now)
            if (current.version if current else ABSENT) != delete.expect:
                return Conflict(current)
        self._connection.execute("DELETE FROM items WHERE key = ?", (delete.key,))
        return None

    def _page(self, prefix: str, after: str, first: bool) -> list[Item]:  # noqa: FBT001 - one caller, above
        rows = self._connection.execute(
            f"SELECT key, value, version, expires_at FROM items WHERE key {'>=' if first else '>'} ? AND key < ?"  # noqa: S608
            " AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?",
            (after, prefix + _AFTER_ANY_KEY, self._clock.now(), _SCAN_ITEMS),
        )
        return [Item(*row) for row in rows]


def connect(config: SqliteConfig) -> sqlite3.Connection:
    """Open or create the file, so that what is committed is on the disk.  Raises StateError."""
    try:
        config.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            config.path, timeout=config.busy_timeout_seconds, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"sqlite: cannot open {config.path}: {error}") from error
    try:
        _prepare(connection, config)
    except StateError:
        connection.close()
        raise
    except (OSError, sqlite3.Error) as error:
        connection.close()
        raise StateError(f"sqlite: cannot use {config.path}: {error}") from error
    return connection


def _prepare(connection: sqlite3.Connection, config: SqliteConfig) -> None:
    # NORMAL, the usual choice with WAL, forgets the last commits when the machine dies (not the process).  But
    # once a grouped alert, a dead letter or an approval is written here, its message is deleted from its queue.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA max_page_count = {config.max_bytes // _PAGE_BYTES}")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > _SCHEMA_VERSION:
        raise StateError(f"sqlite: {config.path} was written by a newer vigild (schema {found})")
    connection.executescript(_SCHEMA)
    connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    config.path.chmod(0o600)
