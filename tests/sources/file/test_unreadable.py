"""Files that cannot be read: told once, tried again, and no reason to stop."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from daemon.errors import PermanentError
from daemon.event import Delivery
from daemon.sources.base import EndOfSource, SourceContext
from daemon.sources.file import FileConfig, FileSource
from daemon.telemetry.names import Settlement
from tests.sources.running import read, running

pytestmark = pytest.mark.anyio

ADDED = b'{"added": 1}\n'


def source_of(folder: Path, context: SourceContext, **config: object) -> FileSource:
    return FileSource("orders", FileConfig.model_validate({"paths": (str(folder),), **config}), context)


async def told_by(folder: Path, context: SourceContext, *, follow: bool) -> list[tuple[str, str | None]]:
    """Run the source until nothing more comes; return each file's name and why it cannot be read."""
    source = source_of(folder, context, follow=follow, poll_seconds=0.05)
    deliveries: list[Delivery] = []
    async with running(source):
        with suppress(EndOfSource):
            for _ in range(8):
                received = await source.receive()
                deliveries += received
                await source.settle(received, Settlement.ACKNOWLEDGED)
    told = [(Path(d.identity.rpartition(":")[0]).name, d.attributes.get("unreadable")) for d in deliveries]
    return sorted(told, key=lambda one: (one[0], one[1] or ""))


def a_bad_block_at(bad: int) -> Callable[[int, int, int], bytes]:
    """Return what reading a file is like that cannot be read from there on: short before it, as the system does."""
    reading = os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if offset >= bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return reading(descriptor, min(size, bad - offset), offset)

    return pread


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("follow", [False, True])
async def test_what_cannot_be_read_is_told_once_until_it_changes(
    folder: Path, context: SourceContext, *, follow: bool
) -> None:
    """Links that lead nowhere or to themselves, pipes and devices are no news at the next start."""
    (folder / "a.json").symlink_to(folder / "nowhere")
    (folder / "b.json").symlink_to(folder / "b.json")
    (folder / "c.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "d.json")
    first = await told_by(folder, context, follow=follow)
    again = await told_by(folder, context, follow=follow)
    (folder / "nowhere").write_bytes(b"{}")
    (folder / "d.json").unlink()
    (folder / "d.json").symlink_to("d.json")
    changed = await told_by(folder, context, follow=follow)

    assert [(name, bool(why)) for name, why in first] == [(f"{name}.json", True) for name in "abcd"]
    assert again == []
    assert changed == [("a.json", None), ("d.json", "Too many levels of symbolic links")]


async def test_a_file_that_may_not_be_read_for_a_time_goes_on_where_it_was(
    folder: Path, context: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position of a file that cannot be opened is kept, and what was added meanwhile comes alone."""
    log = folder / "app.log"
    log.write_bytes(b"{}\n" * 3)
    await read(source_of(folder, context))
    with log.open("ab") as file:
        file.write(ADDED)
    opening = os.open

    def refuse(path: str, *flags: int) -> int:
        if path == str(log):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opening(path, *flags)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        refused, told_before = await read(source_of(folder, context)), await read(source_of(folder, context))
    readable = await read(source_of(folder, context))

    assert [delivery.attributes for delivery in refused] == [{"unreadable": "Permission denied"}]
    assert told_before == []
    assert [delivery.body for delivery in readable] == [ADDED]


@pytest.mark.parametrize("follow", [False, True])
async def test_a_file_that_fails_half_way_is_told_once_and_goes_on_where_it_was(
    folder: Path, context: SourceContext, monkeypatch: pytest.MonkeyPatch, *, follow: bool
) -> None:
    """A bad block is no news at the next start, costs nothing that was read before it, and may be mended."""
    log = folder / "app.log"
    log.write_bytes(b"{}\n" * 100_000 + ADDED)
    bad = 262_144 + 5
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", a_bad_block_at(bad))
        first = await told_by(folder, context, follow=follow)
        again = await told_by(folder, context, follow=follow)
    mended = await read(source_of(folder, context))
    settled = await read(source_of(folder, context))

    assert [why for _, why in first] == [None, None, "Input/output error"]
    assert again == []
    assert b"".join(delivery.body for delivery in mended) == (b"{}\n" * 100_000 + ADDED)[bad // 3 * 3 :]
    assert settled == []


async def test_a_fault_that_was_not_settled_is_told_again(
    folder: Path, context: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines before it may be settled and stored first; only the rejection itself says that the fault is told."""
    (folder / "app.log").write_bytes(b"{}\n" * 4)
    monkeypatch.setattr(os, "pread", a_bad_block_at(9))
    source = source_of(folder, context)
    async with running(source):
        (lines,), (fault,) = await source.receive(), await source.receive()
        await source.settle([lines], Settlement.ACKNOWLEDGED)

    assert fault.attributes == {"unreadable": "Input/output error"}
    assert [delivery.attributes for delivery in await read(source_of(folder, context))] == [fault.attributes]


async def test_standard_input_that_cannot_be_read_is_told_and_is_the_end(folder: Path, context: SourceContext) -> None:
    """A terminal that is taken away or a folder put there is a rejection with its reason, not the process's end."""
    usual, unreadable = os.dup(0), os.open(folder, os.O_RDONLY)
    os.dup2(unreadable, 0)
    try:
        deliveries = await read(FileSource("orders", FileConfig(paths=("-",)), context))
    finally:
        os.dup2(usual, 0)
        os.close(usual)
        os.close(unreadable)

    assert [delivery.attributes for delivery in deliveries] == [{"unreadable": "Is a directory"}]


async def test_a_check_counts_what_is_unreadable_in_a_folder(folder: Path, context: SourceContext) -> None:
    """It stops nothing there, as in a run; a path of the configuration's own that cannot be read is a fault."""
    (folder / "a.json").symlink_to(folder / "nowhere")
    (folder / "b.json").write_bytes(b"{}")

    assert (await source_of(folder, context).check()).startswith(f"1 files, 2 bytes; 1 unreadable: {folder}/a.json")
    with pytest.raises(PermanentError, match="No such file"):
        await source_of(folder / "a.json", context).check()
