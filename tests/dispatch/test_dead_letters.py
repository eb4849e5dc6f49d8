"""What every dead-letter place promises, with letters that are laid out, broken or forbidden in awkward ways."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec
import pytest
from anyio import to_thread

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.dispatch.dead_letters import PLACES, DeadLetter, DeadLetterPlace, PlaceContext, build_places
from daemon.dispatch.dead_letters.file import FileDeadLetterConfig, FileDeadLetters
from daemon.dispatch.dead_letters.sqs import QueueDeadLetterConfig
from daemon.dispatch.dead_letters.state import StateDeadLetterConfig
from daemon.state.base import StateStore
from daemon.state.sqlite import SqliteConfig, SqliteStore
from tests import stores
from tests.sinks.aws_rigs import drain, make_queue

pytestmark = pytest.mark.anyio

EVENT = '{\n  "detail": {\r\n\t"state": "\uffff \ufffe \x7f \u2028 '.encode() + b'\xff"}\n}'
LETTER = DeadLetter(
    id="file:/var/log/caf\u00e9 events.ndjson:0" + "x" * 200,
    parked_at=0.0,
    origin="target",
    name="alerts",
    reason="refused",
    detail="HTTP 400",
    event=msgspec.Raw(EVENT),
)
STATE = "\uffff \ufffe \x7f \u2028 \ufffd"
FILLING = "0123456789abcdef" * 8


def letter(number: int, event: bytes = b'{"a":1}') -> DeadLetter:
    return msgspec.structs.replace(LETTER, id=f"letter-{number}", event=msgspec.Raw(event))


@asynccontextmanager
async def opened(
    kind: str, aws: AwsClients, folder: Path, url: str = "", store: StateStore | None = None
) -> AsyncIterator[DeadLetterPlace]:
    """Open a place of this type; those of one folder, queue or store are one place."""
    spare = folder / "too-large.ndjson"
    store = store or await SqliteStore.open(SqliteConfig(path=folder / "state.sqlite"), SystemClock())
    configs = {
        "file": FileDeadLetterConfig(path=folder / "letters.ndjson"),
        "sqs": QueueDeadLetterConfig(type="sqs", queue_url=url or await make_queue(aws), too_large_path=spare),
        "state": StateDeadLetterConfig(type="state", too_large_path=spare),
    }
    place = build_places({"place": configs[kind]}, PlaceContext(aws, store))["place"]  # type: ignore[dict-item] # narrower
    yield place
    await place.close()
    await store.close()


async def ids(place: DeadLetterPlace) -> list[str]:
    return sorted([kept.letter.id async for kept in place.letters() if kept.letter])


@pytest.mark.parametrize("kind", PLACES)
async def test_letters_come_back_whole(roto_clients: AwsClients, tmp_path: Path, kind: str) -> None:
    """Every field and the event come out as they went in, whatever characters are in them."""
    async with opened(kind, roto_clients, tmp_path) as place:
        await place.park(LETTER)
        assert await place.count() == 1
        (kept,) = [kept async for kept in place.letters()]

    assert kept.letter is not None
    assert json.loads(bytes(kept.letter.event))["detail"]["state"] == STATE
    assert msgspec.structs.replace(kept.letter, event=LETTER.event) == LETTER


@pytest.mark.parametrize("kind", PLACES)
async def test_only_what_is_removed_is_gone(roto_clients: AwsClients, tmp_path: Path, kind: str) -> None:
    """Removing counts what was there; the rest stays, also for the next who looks; removing twice does no harm."""
    url = await make_queue(roto_clients)
    async with opened(kind, roto_clients, tmp_path, url) as place:
        for number in range(25):
            await place.park(letter(number))
        unwanted = [kept.handle async for kept in place.letters() if kept.letter and int(kept.letter.id[7:]) < 15]
        assert await place.remove(unwanted) == 15
    async with opened(kind, roto_clients, tmp_path, url) as place:
        assert await ids(place) == [f"letter-{number}" for number in range(15, 25)]


@pytest.mark.parametrize("kind", ["sqs", "state"])
async def test_a_letter_too_large_for_the_place_lies_beside_it(
    roto_clients: AwsClients, tmp_path: Path, kind: str
) -> None:
    """It is listed, counted and removed like any other."""
    noise = json.dumps({"a": [hash((number, FILLING)) for number in range(70_000)]}).encode()
    async with opened(kind, roto_clients, tmp_path) as place:
        await place.park(letter(1, noise))
        await place.park(letter(2))
        assert (tmp_path / "too-large.ndjson").exists()
        assert await ids(place) == ["letter-1", "letter-2"]
        assert (
            await place.remove([kept.handle async for kept in place.letters() if kept.letter == letter(1, noise)]) == 1
        )


async def test_the_state_store_takes_what_compresses(roto_clients: AwsClients, tmp_path: Path) -> None:
    """An event of 1 MiB, as SQS carries at most, fits an item where it is text."""
    event = json.dumps({"a": [FILLING] * 8_000}).encode()
    async with opened("state", roto_clients, tmp_path) as place:
        await place.park(letter(1, event))
        (kept,) = [kept async for kept in place.letters()]

    assert kept.letter == letter(1, event)
    assert not (tmp_path / "too-large.ndjson").exists()


async def test_a_letter_parked_again_replaces_itself_in_the_state_store(
    roto_clients: AwsClients, tmp_path: Path
) -> None:
    """A crash between parking and confirming leaves one letter; who holds the older one removes no newer one."""
    async with opened("state", roto_clients, tmp_path) as place:
        await place.park(letter(1))
        (old,) = [kept async for kept in place.letters()]
        await place.park(letter(1))

        assert await place.remove([old.handle]) == 0
        assert await ids(place) == ["letter-1"]


@pytest.mark.parametrize("kind", ["state", "sqs"])
async def test_other_bytes_under_the_same_name_are_another_letter(
    roto_clients: AwsClients, tmp_path: Path, kind: str
) -> None:
    """What stands at a file's place today does not replace what stood there yesterday; parked again it is one."""
    url = await make_queue(roto_clients, fifo=True)
    async with opened(kind, roto_clients, tmp_path, url) as place:
        for body in ("{first", "{other", "{first"):
            await place.park(msgspec.structs.replace(letter(1), origin="source", body=body, body_bytes=6))
        found = sorted([kept.letter.body async for kept in place.letters() if kept.letter])

    assert found == ["{first", "{other"]


async def test_a_fifo_queue_shows_more_than_ten_letters_of_a_target(roto_clients: AwsClients, tmp_path: Path) -> None:
    """Each has a group of its own: of one group SQS shows no more while ten are hidden from others."""
    url = await make_queue(roto_clients, fifo=True)
    async with opened("sqs", roto_clients, tmp_path, url) as place:
        for number in range(12):
            await place.park(letter(number))

        assert len(await ids(place)) == 12


async def test_letters_lie_in_dynamodb_as_well(
    roto_clients: AwsClients, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Parked, found, removed: also the largest that an item takes."""
    event = json.dumps({"a": [FILLING] * 8_000}).encode()
    async with (
        stores.opened("dynamodb on moto", tmp_path, SystemClock(), request) as store,
        opened("state", roto_clients, tmp_path, store=store) as place,
    ):
        await place.park(letter(1, event))
        await place.park(letter(2))
        assert await ids(place) == ["letter-1", "letter-2"]
        kept = [kept async for kept in place.letters()]
        assert letter(1, event) in [one.letter for one in kept]
        assert await place.remove([one.handle for one in kept]) == 2
        assert await place.count() == 0


@pytest.mark.parametrize("fifo", [False, True])
async def test_a_queue_takes_any_letter(roto_clients: AwsClients, tmp_path: Path, *, fifo: bool) -> None:
    """Characters that SQS refuses in messages, and identities that it refuses as ids, do not stop a letter."""
    url = await make_queue(roto_clients, fifo=fifo)
    async with opened("sqs", roto_clients, tmp_path, url) as place:
        await place.park(LETTER)
        (message,) = await drain(roto_clients, url)
    assert json.loads(message["Body"])["event"]["detail"]["state"] == STATE


async def test_a_queue_shows_again_at_once_what_was_only_looked_at(roto_clients: AwsClients, tmp_path: Path) -> None:
    """Listing hides messages from others while it lasts, and not for a moment longer."""
    url = await make_queue(roto_clients)
    async with opened("sqs", roto_clients, tmp_path, url) as place:
        await place.park(letter(1))
        await place.park(letter(2))
        assert await ids(place) == ["letter-1", "letter-2"]
        assert await drain(roto_clients, url) == []
        await place.close()
        assert len(await drain(roto_clients, url)) == 2


async def test_something_else_in_a_place_is_passed_over(roto_clients: AwsClients, tmp_path: Path) -> None:
    """A line that is no letter is handed out as such, and stays when letters are removed."""
    path = tmp_path / "letters.ndjson"
    await to_thread.run_sync(path.write_bytes, b'not a letter\n\n{"id": 5}\n\xff\n')
    async with opened("file", roto_clients, tmp_path) as place:
        await place.park(letter(1))
        kept = [kept async for kept in place.letters()]
        assert [item.letter.id if item.letter else None for item in kept] == [None, None, None, "letter-1"]
        assert await place.remove([item.handle for item in kept if item.letter]) == 1
        assert await ids(place) == []
    assert len((await to_thread.run_sync(path.read_bytes)).splitlines()) == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_whoever_removes_the_file_stays_the_daemons(tmp_path: Path) -> None:
    """Removed as root, the file keeps its owner and mode, so that the daemon can go on parking."""
    path = tmp_path / "letters.ndjson"
    place = FileDeadLetters("place", FileDeadLetterConfig(path=path))
    await place.park(letter(1))
    await place.park(letter(2))
    await to_thread.run_sync(os.chown, path, 12_345, 12_346)
    (first, _) = [kept async for kept in place.letters()]
    assert await place.remove([first.handle]) == 1
    found = await anyio.Path(path).stat()

    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12_345, 12_346, 0o600)


async def test_no_letter_is_lost_between_a_remover_and_appenders(tmp_path: Path) -> None:
    """While some are removed, others are parked: each letter is either removed or there."""
    config = FileDeadLetterConfig(path=tmp_path / "letters.ndjson")
    parkers = [FileDeadLetters("place", config) for _ in range(3)]
    remover, removed = FileDeadLetters("place", config), 0
    done = anyio.Event()

    async def park(parker: FileDeadLetters, first: int) -> None:
        for number in range(first, first + 100):
            await parker.park(letter(number))

    async def remove() -> None:
        nonlocal removed
        while not done.is_set():
            handles = [kept.handle async for kept in remover.letters() if kept.letter]
            removed += await remover.remove(handles[::2])

    async with anyio.create_task_group() as group:
        group.start_soon(remove)
        async with anyio.create_task_group() as parking:
            for place, parker in enumerate(parkers):
                parking.start_soon(park, parker, place * 100)
        done.set()

    assert removed > 0
    assert removed + len(await ids(remover)) == 300
