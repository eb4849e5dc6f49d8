"""The journal's chain, on a real state store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from daemon.clock import SystemClock
from daemon.journal import BrokenChainError, Entry, Journal
from daemon.state.base import Delete, Write
from daemon.state.sqlite import SqliteConfig, SqliteStore

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Yield an empty store."""
    opened = await SqliteStore.open(SqliteConfig(path=tmp_path / "state.sqlite"), SystemClock())
    yield opened
    await opened.close()


def entry(number: int, step: str = "done") -> Entry:
    return Entry(at=float(number), step=step, intent=f"intent-{number}", detail="x" * 20)


async def intents(journal: Journal) -> list[str]:
    return [found.intent async for found in journal.read()]


async def test_entries_come_back_in_order(store: SqliteStore) -> None:
    """What was appended is read whole, oldest first, also by another process."""
    journal = Journal(store)
    for number in range(3):
        await journal.append(entry(number))

    assert [entry(number) for number in range(3)] == [found async for found in Journal(store).read()]


async def test_two_processes_append_to_one_chain(store: SqliteStore) -> None:
    """Appends that race all get in, each once, in one unbroken chain."""
    processes = [Journal(store), Journal(store), Journal(store)]
    async with anyio.create_task_group() as group:
        for number in range(60):
            group.start_soon(processes[number % 3].append, entry(number))

    assert {f"intent-{number}" for number in range(60)} == set(await intents(Journal(store)))
    assert len(await intents(Journal(store))) == 60


async def test_a_step_of_an_intent_is_appended_once(store: SqliteStore) -> None:
    """What a crash makes somebody append again is there already; another step of the intent is not."""
    await Journal(store).append(entry(1))
    after_the_crash = Journal(store)
    await after_the_crash.append(entry(1))
    await after_the_crash.append(entry(1, step="undone"))

    assert [found.step async for found in Journal(store).read()] == ["done", "undone"]


async def test_a_long_chain_goes_on_from_near_its_end(store: SqliteStore) -> None:
    """A new process need not read the whole chain, and still appends behind its end and once."""
    writer = Journal(store)
    for number in range(130):
        await writer.append(entry(number))
    late = Journal(store)
    await late.append(entry(129))
    await late.append(entry(130))

    assert [f"intent-{number}" for number in range(131)] == await intents(Journal(store))
    assert (await late.head())[0] == 131


async def test_a_changed_block_is_found(store: SqliteStore) -> None:
    """Changing what was written breaks the link behind it."""
    journal = Journal(store)
    for number in range(3):
        await journal.append(entry(number))
    (block,) = await store.get(["journal/000000000001"])
    assert block is not None
    await store.put([Write(block.key, block.value.replace(b"intent-1", b"intent-7"), None)])

    with pytest.raises(BrokenChainError, match="block 2 does not follow"):
        await intents(Journal(store))


async def test_a_missing_block_is_found(store: SqliteStore) -> None:
    """Taking a block out of the middle breaks the chain."""
    journal = Journal(store)
    for number in range(3):
        await journal.append(entry(number))
    await store.delete([Delete("journal/000000000001", None)])

    with pytest.raises(BrokenChainError, match="block 1 is missing"):
        await intents(Journal(store))


async def test_a_cut_off_end_is_found_by_its_hash(store: SqliteStore) -> None:
    """The chain no longer goes through a hash that was kept elsewhere, once its end is cut off."""
    journal = Journal(store)
    for number in range(3):
        await journal.append(entry(number))
    _, head = await journal.head()
    assert await journal.goes_through(head)
    await store.delete([Delete("journal/000000000002", None)])

    assert not await Journal(store).goes_through(head)
    assert await intents(Journal(store)) == ["intent-0", "intent-1"]


async def test_a_block_that_is_no_block_is_an_error(store: SqliteStore) -> None:
    """Rubbish under a block's key is named, for readers and for those who append."""
    await store.put([Write("journal/000000000000", b"\x00", None)])

    with pytest.raises(BrokenChainError, match="block 0 cannot be read"):
        await intents(Journal(store))
    with pytest.raises(BrokenChainError, match="block 0 cannot be read"):
        await Journal(store).append(entry(1))
