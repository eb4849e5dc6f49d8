"""Lines in a file that is shared, rotated, torn and full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from daemon.errors import PermanentError
from daemon.sinks.appender import FileAppender

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> anyio.Path:
    """Return where the lines go."""
    return anyio.Path(tmp_path / "lines")


async def test_file_and_directories_are_made_private(tmp_path: Path) -> None:
    """Neither others nor the group may read what alerts say."""
    path = tmp_path / "a" / "b" / "lines"
    await FileAppender(path).append(b"1")
    modes = [(await anyio.Path(each).stat()).st_mode & 0o777 for each in (path, path.parent)]
    assert modes == [0o600, 0o700]


async def test_lines_that_wait_together_share_one_flush(path: anyio.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred concurrent lines cost a few fsyncs, and stay in the order they were handed over."""
    flushes = 0
    flush = os.fsync

    def counted(descriptor: int) -> None:
        nonlocal flushes
        flushes += 1
        flush(descriptor)

    appender = FileAppender(Path(path))
    await appender.open()
    monkeypatch.setattr(os, "fsync", counted)
    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(appender.append, str(number).encode())
    assert (await path.read_text(encoding="ascii")).split() == [str(number) for number in range(100)]
    assert 1 <= flushes <= 3


async def test_a_renamed_file_is_followed_by_a_new_one(path: anyio.Path) -> None:
    """After logrotate has renamed the file, lines go to a new file of the old name."""
    appender = FileAppender(Path(path))
    await appender.append(b"old")
    await path.rename(path.with_suffix(".1"))
    await appender.append(b"new")
    assert [await path.with_suffix(".1").read_bytes(), await path.read_bytes()] == [b"old\n", b"new\n"]


async def test_a_removed_directory_comes_back(tmp_path: Path) -> None:
    """Lines go on when somebody removed everything."""
    path = anyio.Path(tmp_path / "a" / "lines")
    appender = FileAppender(Path(path))
    await appender.append(b"old")
    await path.unlink()
    await path.parent.rmdir()
    await appender.append(b"new")
    assert await path.read_bytes() == b"new\n"


async def test_a_truncated_file_is_written_from_its_start(path: anyio.Path) -> None:
    """After logrotate's copytruncate no hole of zero bytes is left."""
    appender = FileAppender(Path(path))
    await appender.append(b"old")
    os.truncate(path, 0)
    await appender.append(b"new")
    assert await path.read_bytes() == b"new\n"


async def test_a_torn_line_is_ended_first(path: anyio.Path) -> None:
    """What a crash left behind, before the start or since, does not swallow the next line."""
    await path.write_bytes(b'{"whole":1}\n{"to')
    appender = FileAppender(Path(path))
    await appender.append(b"1")
    await path.write_bytes(await path.read_bytes() + b'{"to')
    await appender.append(b"2")
    assert await path.read_bytes() == b'{"whole":1}\n{"to\n1\n{"to\n2\n'


async def test_a_line_end_inside_a_line_is_refused(path: anyio.Path) -> None:
    """One append is one line."""
    with pytest.raises(ValueError, match="line end"):
        await FileAppender(Path(path)).append(b"1\n2")


async def test_a_cancelled_line_is_taken_back_unless_it_is_being_written(path: anyio.Path) -> None:
    """Whoever is cancelled while waiting leaves nothing behind for a later write; a write that began is finished."""
    appender = FileAppender(Path(path))
    async with anyio.create_task_group() as group:
        group.start_soon(appender.append, b"being written")
        await anyio.lowlevel.checkpoint()
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(appender.append, b"waiting")
            await anyio.lowlevel.checkpoint()
            waiting.cancel_scope.cancel()
        group.cancel_scope.cancel()
    await appender.append(b"next")
    assert await path.read_bytes() == b"being written\nnext\n"


@pytest.mark.parametrize("place", ["directory", "directory/../file/lines", "fifo"])
async def test_what_is_no_regular_file_is_refused_for_good(tmp_path: Path, place: str) -> None:
    """A path that can never be a file is a PermanentError, and nothing hangs on a pipe."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(PermanentError):
        await FileAppender(tmp_path / place).append(b"1")


def test_a_full_disk_is_retryable_and_leaves_whole_lines(path: anyio.Path) -> None:
    """A write that does not fit raises RetryableError; when there is room again, lines go on after the torn one."""
    with _run(str(path), "limited") as limited:
        outcomes = json.loads(limited.communicate()[0])
    assert outcomes == ["written", "RetryableError: unreachable: No space left on device", "written"]
    lines = Path(path).read_text(encoding="ascii").split("\n")
    assert [lines[0], lines[2:]] == ['"fits"', ['"later"', ""]]


def test_two_processes_share_a_file(path: anyio.Path) -> None:
    """Lines of two processes that write at the same time, some larger than any buffer, never mix and never go."""
    with _run(str(path), "a", "100", "b") as first, _run(str(path), "b", "100", "a") as second:
        for writer in (first, second):
            assert writer.stdout is not None
            writer.stdout.readline()
        for writer in (first, second):
            assert writer.stdin is not None
            writer.stdin.write(b"go\n")
            writer.stdin.close()
        assert [first.wait(60), second.wait(60)] == [0, 0]
    lines = [json.loads(line) for line in Path(path).read_text(encoding="ascii").splitlines()]
    writers = [line["from"] for line in lines]
    assert writers not in [sorted(writers), sorted(writers, reverse=True)], "one after the other shows nothing"
    assert sorted((line["from"], line["number"]) for line in lines) == [(n, i) for n in "ab" for i in range(100)]


def _run(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.sinks.append_lines", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
