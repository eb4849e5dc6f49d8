from __future__ import annotations

import gzip
import os
from pathlib import Path

import anyio
import pytest

from daemon.event import Delivery
from daemon.sources.base import EndOfSource, SourceContext
from daemon.sources.file import FileConfig, FileSource
from daemon.telemetry.names import Settlement
from tests.sources.running import running

pytestmark = pytest.mark.anyio


def source_of(path: Path, context: SourceContext) -> FileSource:
    return FileSource("orders", FileConfig(paths=(str(path),), follow=True, poll_seconds=0.05), context)


async def read(source: FileSource, size: int, *, settle: bool = True) -> bytes:
    """Receive until so many bytes of bodies are there."""
    body = b""
    with anyio.fail_after(10):
        while len(body) < size:
            deliveries = await source.receive()
            body += b"".join(delivery.body for delivery in deliveries)
            if settle:
                await source.settle(deliveries, Settlement.ACKNOWLEDGED)
    return body


async def nothing_more(source: FileSource) -> list[Delivery]:
    """Receive through several looks; return what came."""
    deliveries: list[Delivery] = []
    for _ in range(6):
        deliveries += await source.receive()
    return deliveries


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


async def test_lines_come_as_they_are_written(tmp_path: Path, context: SourceContext) -> None:
    """What is added comes, whole lines only; a line that is half written waits for its other half."""
    log = tmp_path / "app.log"
    log.write_bytes(b"{}\n")
    source = source_of(log, context)
    async with running(source):
        assert await read(source, 3) == b"{}\n"
        append(log, b'{"a": ')
        assert await nothing_more(source) == []
        append(log, b"1}\n[]")
        assert await read(source, 9) == b'{"a": 1}\n'


async def test_new_files_are_found(tmp_path: Path, context: SourceContext) -> None:
    """Files that appear in a folder are read, documents once they are no longer written to."""
    folder = tmp_path / "data"
    folder.mkdir()
    source = source_of(folder, context)
    async with running(source):
        assert await nothing_more(source) == []
        (folder / "a.log").write_bytes(b"{}\n")
        assert await read(source, 3) == b"{}\n"
        packed = gzip.compress(b"{}")
        (folder / "b.json.gz").write_bytes(packed[:5])
        (folder / "b.json.gz").write_bytes(packed)
        assert await read(source, 2) == b"{}"
        assert await nothing_more(source) == []


async def test_a_document_that_is_still_written_waits(tmp_path: Path, context: SourceContext) -> None:
    """A document touched a moment ago, or still empty, is not handed over half."""
    folder = tmp_path / "data"
    folder.mkdir()
    document = folder / "a.json"
    document.write_bytes(b"[1,")
    future = context.clock.now() + 3_600
    os.utime(document, (future, future))
    (folder / "b.json").write_bytes(b"")
    source = source_of(folder, context)
    async with running(source):
        assert await nothing_more(source) == []
        document.write_bytes(b"[1]")
        assert await read(source, 3) == b"[1]"


async def test_a_file_that_comes_later_is_waited_for(tmp_path: Path, context: SourceContext) -> None:
    """A path that does not exist yet is no fault when following."""
    log = tmp_path / "app.log"
    source = source_of(log, context)
    async with running(source):
        assert await nothing_more(source) == []
        log.write_bytes(b"{}\n")
        assert await read(source, 3) == b"{}\n"


@pytest.mark.parametrize("rotated_name", ["app.log.1", "old"])
async def test_a_rotated_file_is_finished_first(rotated_name: str, tmp_path: Path, context: SourceContext) -> None:
    """Lines written between rename and reopen are read, the last one even without line feed, then the new file's."""
    folder = tmp_path / "logs"
    folder.mkdir()
    log = folder / "app.log"
    log.write_bytes(b"1\n")
    source = source_of(log, context)
    async with running(source):
        assert await read(source, 2) == b"1\n"
        log.rename(folder / rotated_name)
        append(folder / rotated_name, b"2\n3")
        log.write_bytes(b"4\n5\n6\n")
        assert await read(source, 9) == b"2\n34\n5\n6\n"
        append(log, b"7\n")
        assert await read(source, 2) == b"7\n"


async def test_a_rotated_file_that_is_watched_too_is_not_read_twice(tmp_path: Path, context: SourceContext) -> None:
    """Where the pattern covers the rotated files, they are known under their new names, also after a restart."""
    log = tmp_path / "app.log"
    log.write_bytes(b"1\n")
    for _ in range(2):
        source = source_of(tmp_path / "app.log*", context)
        async with running(source):
            if not (tmp_path / "app.log.1").exists():
                assert await read(source, 2) == b"1\n"
                log.rename(tmp_path / "app.log.1")
                log.write_bytes(b"2\n")
                assert await read(source, 2) == b"2\n"
                append(tmp_path / "app.log.1", b"3\n")
                assert await read(source, 2) == b"3\n"
            assert await nothing_more(source) == []


async def test_a_file_deleted_after_rotation_is_still_finished(tmp_path: Path, context: SourceContext) -> None:
    """What was written before logrotate compressed and removed the old file is not lost."""
    log = tmp_path / "app.log"
    log.write_bytes(b"1\n")
    source = source_of(log, context)
    async with running(source):
        assert await read(source, 2) == b"1\n"
        append(log, b"2\n")
        log.unlink()
        log.write_bytes(b"3\n")
        assert await read(source, 4) == b"2\n3\n"


async def test_the_new_file_waits_until_the_old_one_is_settled(tmp_path: Path, context: SourceContext) -> None:
    """While pieces of the rotated file are in hand its position is kept, so the path's next file is not begun."""
    log = tmp_path / "app.log"
    log.write_bytes(b"1\n")
    source = source_of(log, context)
    async with running(source):
        first = await source.receive()
        log.rename(tmp_path / "app.log.1")
        log.write_bytes(b"2\n")
        assert await nothing_more(source) == []
        await source.settle(first, Settlement.ACKNOWLEDGED)
        assert await read(source, 2) == b"2\n"


async def test_rotation_while_the_daemon_is_down_loses_nothing(tmp_path: Path, context: SourceContext) -> None:
    """After a restart the old file is found beside the new one and finished from where it was."""
    log = tmp_path / "app.log"
    log.write_bytes(b"1\n")
    source = source_of(log, context)
    async with running(source):
        assert await read(source, 2) == b"1\n"
    append(log, b"2\n")
    log.rename(tmp_path / "app.log.1")
    log.write_bytes(b"3\n")

    source = source_of(log, context)
    async with running(source):
        assert await read(source, 4) == b"2\n3\n"


@pytest.mark.parametrize("content", [b"9\n", b"8\n9\n", b"much longer than before\n9\n"])
async def test_a_file_cut_short_in_place_begins_anew(content: bytes, tmp_path: Path, context: SourceContext) -> None:
    """As copytruncate does: shorter, as long or longer than before, the new content is read from its start."""
    log = tmp_path / "app.log"
    log.write_bytes(b"1\n2\n")
    source = source_of(log, context)
    async with running(source):
        assert await read(source, 4) == b"1\n2\n"
        log.write_bytes(content)
        assert await read(source, len(content)) == content

    again = source_of(log, context)
    async with running(again):
        assert await nothing_more(again) == []


async def test_a_document_that_changed_comes_again(tmp_path: Path, context: SourceContext) -> None:
    """A document is one thing: when it is another one, it is delivered again."""
    document = tmp_path / "a.json"
    document.write_bytes(b"[1]")
    source = source_of(tmp_path / "a.json", context)
    async with running(source):
        assert await read(source, 3) == b"[1]"
        document.write_bytes(b"[1, 2]")
        assert await read(source, 6) == b"[1, 2]"


async def test_many_files_do_not_use_up_descriptors(tmp_path: Path, context: SourceContext) -> None:
    """Of many followed files only some stay open, and what is added to any of them still comes."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}.log").write_bytes(b"0\n")
    source = source_of(folder, context)
    before = open_descriptors()
    async with running(source):
        await read(source, 600)
        assert await nothing_more(source) == []
        assert open_descriptors() - before <= 270
        append(folder / "000.log", b"1\n")
        append(folder / "299.log", b"1\n")
        assert await read(source, 4) == b"1\n1\n"
        source.quiesce()
        with pytest.raises(EndOfSource):
            await source.receive()
