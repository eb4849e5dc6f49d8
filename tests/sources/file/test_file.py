from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from daemon.event import Framing
from daemon.sources.base import EndOfSource, Progress, SourceContext
from daemon.sources.file import FileConfig, FileSource
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry.names import Settlement
from tests.sources.running import crashing, read, running

pytestmark = pytest.mark.anyio

DOCUMENT = b'{"Records": []}'


def skipped_by(source: FileSource) -> int:
    progress = source.progress()
    return progress.skipped if progress is not None else 0


def source_of(folder: Path, context: SourceContext, **config: object) -> FileSource:
    return FileSource("orders", FileConfig.model_validate({"paths": (str(folder),), **config}), context)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def lines(count: int, first: int = 0) -> bytes:
    return b"".join(b'{"number": %d, "filler": "%s"}\n' % (n, b"x" * 200) for n in range(first, first + count))


async def test_documents_come_whole_and_lines_in_runs(folder: Path, context: SourceContext) -> None:
    """Each file is handed over as its kind asks for, in order, named by path and offset."""
    (folder / "a.json").write_bytes(DOCUMENT)
    (folder / "b.json.gz").write_bytes(gzip.compress(DOCUMENT))
    (folder / "c.ndjson").write_bytes(b"{}\n{}\n{}")
    (folder / "d.ndjson.gz").write_bytes(gzip.compress(b"{}\n{}\n"))
    (folder / "e.json").write_bytes(b"{}\n{}\n")
    (folder / "f.log").write_bytes(b"")

    deliveries = await read(source_of(folder, context))

    assert [(Path(d.identity).name, d.framing, d.body) for d in deliveries[:4]] == [
        ("a.json:0", Framing.DOCUMENT, DOCUMENT),
        ("b.json.gz:0", Framing.DOCUMENT, DOCUMENT),
        ("c.ndjson:0", Framing.LINES, b"{}\n{}\n"),
        ("c.ndjson:6", Framing.LINES, b"{}"),
    ]
    assert [(Path(d.identity).name, d.framing) for d in deliveries[4:]] == [
        ("d.ndjson.gz:0", Framing.LINES),
        ("e.json:0", Framing.LINES),
    ]
    assert deliveries[5].body == b"{}\n{}\n"
    assert all(d.identity.startswith(f"file:{folder}/") and not d.attributes for d in deliveries)


async def test_large_files_come_in_pieces_of_whole_lines(folder: Path, context: SourceContext) -> None:
    """No delivery is much larger than 256 KiB, and together they are the file."""
    content = lines(5_000)
    (folder / "big.log").write_bytes(content)

    deliveries = await read(source_of(folder, context))

    assert b"".join(delivery.body for delivery in deliveries) == content
    assert all(delivery.body.endswith(b"\n") and len(delivery.body) < 300_000 for delivery in deliveries)
    offsets = [int(delivery.identity.rpartition(":")[2]) for delivery in deliveries]
    assert offsets == [sum(len(delivery.body) for delivery in deliveries[:n]) for n in range(len(deliveries))]


async def test_what_is_too_large_says_so(folder: Path, context: SourceContext) -> None:
    """Of a document or line over the limit only the beginning comes, with the full size; the lines around it stay."""
    (folder / "a.json").write_bytes(b"[" + b" " * 200_000 + b"]")
    (folder / "b.log").write_bytes(b"{}\n" + b"x" * 400_000 + b"\n{}\n")

    deliveries = await read(source_of(folder, context, max_document_bytes=150_000, max_line_bytes=100_000))

    assert [delivery.attributes.get("oversize") for delivery in deliveries] == ["200002", None, "400001", None]
    assert [len(delivery.body) for delivery in deliveries] == [65_536, 3, 65_536, 3]


async def test_what_cannot_be_read_is_handed_over_as_such(folder: Path, context: SourceContext) -> None:
    """A file that is missing, or no file, is a delivery with the reason, and the next one goes on."""
    (folder / "a.json").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "b.json")
    (folder / "c.json").write_bytes(DOCUMENT)

    deliveries = await read(source_of(folder, context))

    assert [delivery.attributes.get("unreadable") for delivery in deliveries] == [
        "No such file or directory",
        "Not a regular file",
        None,
    ]
    assert [delivery.body for delivery in deliveries] == [b"", b"", DOCUMENT]


async def test_a_file_that_vanishes_on_the_way_is_handed_over_as_such(folder: Path, context: SourceContext) -> None:
    """A file that was listed and then deleted is rejected with its reason, not passed over."""
    for number in range(3):
        (folder / f"{number}.log").write_bytes(lines(2))
    source = source_of(folder, context)
    async with running(source):
        first = await source.receive()
        (folder / "1.log").unlink()
        second = await source.receive()
        third = await source.receive()
        await source.settle([*first, *second, *third], Settlement.ACKNOWLEDGED)
    assert second[0].attributes == {"unreadable": "No such file or directory"}
    assert third[0].body == lines(2)


async def test_a_second_run_finds_everything_handled(folder: Path, context: SourceContext) -> None:
    """What is settled is never delivered again; the source says how many files it left out."""
    for number in range(100):
        (folder / f"{number}.json").write_bytes(DOCUMENT)
    (folder / "a.log").write_bytes(lines(3_000))
    (folder / "b.log").write_bytes(b"{}\n{}")
    assert len(await read(source_of(folder, context))) > 100

    again = source_of(folder, context)
    assert await read(again) == []
    assert skipped_by(again) == 102
    progress = again.progress()
    assert progress is not None
    assert progress.done == progress.total > 0


async def test_touching_lines_changes_nothing_and_touching_a_document_repeats_it(
    folder: Path, context: SourceContext
) -> None:
    """Lines are known by how they begin and how many there are; a document that was touched may be another one."""
    (folder / "a.log").write_bytes(lines(3))
    (folder / "b.json").write_bytes(DOCUMENT)
    await read(source_of(folder, context))
    for name in ("a.log", "b.json"):
        os.utime(folder / name, ns=(1, 1))

    again = source_of(folder, context)
    assert [Path(d.identity).name for d in await read(again)] == ["b.json:0"]
    assert skipped_by(again) == 1


async def test_a_grown_file_is_read_from_where_it_was(folder: Path, context: SourceContext) -> None:
    """Only what was added comes; a last line that had no line feed comes again, whole."""
    log = folder / "a.log"
    log.write_bytes(b'{"a": 1}\n{"b": 2')
    await read(source_of(folder, context))
    with log.open("ab") as file:
        file.write(b'}\n{"c": 3}\n')

    (delivery,) = await read(source_of(folder, context))
    assert delivery.body == b'{"b": 2}\n{"c": 3}\n'
    assert delivery.identity == f"file:{log}:9"


@pytest.mark.parametrize("content", [b'{"other": 1}\n', lines(5, first=100)])
async def test_another_file_at_the_path_is_read_from_the_start(
    content: bytes, folder: Path, context: SourceContext
) -> None:
    """A file that was replaced or cut short begins anew, whether it is shorter or longer than the old one."""
    log = folder / "a.log"
    log.write_bytes(lines(3))
    await read(source_of(folder, context))
    log.unlink()
    log.write_bytes(content)

    (delivery,) = await read(source_of(folder, context))
    assert delivery.body == content


async def test_released_pieces_come_again_in_the_same_run(folder: Path, context: SourceContext) -> None:
    """The source does not end before everything is acknowledged, and counts attempts."""
    (folder / "a.json").write_bytes(DOCUMENT)
    source = source_of(folder, context)
    async with running(source):
        first = await source.receive()
        assert await source.receive() == []
        await source.settle(first, Settlement.RELEASED)
        (second,) = await source.receive()
        await source.settle([second], Settlement.ACKNOWLEDGED)
        with pytest.raises(EndOfSource):
            await source.receive()
    assert (first[0].body, second.body) == (DOCUMENT, DOCUMENT)
    assert (first[0].attempt, second.attempt) == (1, 2)


async def test_after_a_crash_only_the_unsettled_part_comes_again(folder: Path, context: SourceContext) -> None:
    """What settled behind a piece that did not is read again with it; what settled before it is not."""
    content = lines(6_000)
    (folder / "a.log").write_bytes(content)
    source = source_of(folder, context)
    async with crashing(source):
        pieces = [(await source.receive())[0] for _ in range(4)]
        await source.settle([pieces[3], pieces[0], pieces[1]], Settlement.ACKNOWLEDGED)
        await source.flush()

    again = await read(source_of(folder, context))
    assert again[0].identity == pieces[2].identity
    assert b"".join(delivery.body for delivery in [*pieces[:2], *again]) == content


async def test_progress_counts_settled_bytes(folder: Path, context: SourceContext) -> None:
    """Progress moves with the settlements, from nothing to all bytes on disk."""
    for number in range(2):
        (folder / f"{number}.json").write_bytes(DOCUMENT)
    source = source_of(folder, context)
    async with running(source):
        assert source.progress() == Progress(0, 30)
        deliveries = await source.receive()
        assert source.progress() == Progress(0, 30)
        await source.settle(deliveries[:1], Settlement.ACKNOWLEDGED)
        assert source.progress() == Progress(15, 30)
        await source.settle(deliveries[1:], Settlement.ACKNOWLEDGED)
        assert source.progress() == Progress(30, 30)


async def test_check_counts_without_reading(folder: Path, context: SourceContext) -> None:
    """Check says how much there is, and leaves no position."""
    (folder / "a.json").write_bytes(DOCUMENT)
    assert await source_of(folder, context).check() == "1 files, 15 bytes"
    assert len(await read(source_of(folder, context))) == 1


def test_config_is_checked() -> None:
    """Standard input stands alone, and there is something to read."""
    for wrong in ({"paths": ()}, {"paths": ("-", "a.json")}, {"paths": ("-",), "follow": True}, {"paths": "a.json"}):
        with pytest.raises(ValidationError):
            FileConfig.model_validate(wrong)


CHILD = """
import random, sys, time
import anyio
from pathlib import Path
from daemon.clients import AwsClients, AwsSettings
from daemon.clock import SystemClock
from daemon.sources.base import SourceContext
from daemon.sources.file import FileConfig, FileSource
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry import build_telemetry
from daemon.telemetry.names import Settlement

async def main():
    clock = SystemClock()
    store = await SqliteStore.open(SqliteConfig(path=Path(sys.argv[1])), clock)
    context = SourceContext(build_telemetry(), clock, random.Random(0), AwsClients(AwsSettings()), store)
    source = FileSource("orders", FileConfig(paths=(sys.argv[2],)), context)
    await source.open()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(source.run)
        while True:
            for delivery in await source.receive():
                print(delivery.identity, flush=True)
                await source.settle([delivery], Settlement.ACKNOWLEDGED)
                await anyio.sleep(0.01)

anyio.run(main)
"""


async def test_a_killed_process_is_continued(folder: Path, context: SourceContext, tmp_path: Path) -> None:
    """After kill -9 the next run starts where positions were last written, and together they miss nothing."""
    for number in range(400):
        (folder / f"{number:03}.json").write_bytes(DOCUMENT)
    state = tmp_path / "killed.sqlite"
    child = subprocess.Popen(  # noqa: ASYNC220 - the test has nothing else to do meanwhile
        [sys.executable, "-c", CHILD, str(state), str(folder)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert child.stdout is not None
    done = [child.stdout.readline().strip() for _ in range(200)]
    child.send_signal(signal.SIGKILL)
    done += child.stdout.read().split()
    child.wait()
    child.stdout.close()

    store = await SqliteStore.open(SqliteConfig(path=state), context.clock)
    again = source_of(folder, replace(context, state=store))
    rest = [delivery.identity for delivery in await read(again)]
    await store.close()

    everything = {f"file:{folder}/{number:03}.json:0" for number in range(400)}
    assert set(done) | set(rest) == everything
    assert skipped_by(again) > 0
    assert len(rest) == 400 - skipped_by(again)
