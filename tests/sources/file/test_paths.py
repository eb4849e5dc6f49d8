from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from daemon.sources.file.paths import find


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/2.json", "b/10.json", "a.json", "c.log", ".hidden", ".git/x.json", "file[1].json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    return tmp_path


def names(folder: Path, *paths: str) -> list[str]:
    return [str(Path(found.path).relative_to(folder)) for found in find([str(folder / path) for path in paths])]


def test_a_folder_is_all_files_below_it_sorted(folder: Path) -> None:
    """Folders are walked in order, without what starts with a dot."""
    assert names(folder, ".") == ["a.json", "b/10.json", "b/2.json", "c.log", "file[1].json"]


def test_patterns_match_like_the_shell(folder: Path) -> None:
    """* stays in its folder, ** does not; a file that is named like a pattern is that file."""
    assert names(folder, "*.json") == ["a.json", "file[1].json"]
    assert names(folder, "**/*.json") == ["a.json", "b/10.json", "b/2.json", "file[1].json"]
    assert names(folder, "file[1].json") == ["file[1].json"]
    assert names(folder, "*.parquet") == []
    assert names(folder, "c.log", "a.json") == ["c.log", "a.json"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(folder: Path) -> None:
    """A link that leads back up does not make an endless walk."""
    (folder / "b" / "up").symlink_to(folder)
    (folder / "b" / "link.json").symlink_to(folder / "a.json")
    (folder / "b" / "gone.json").symlink_to(folder / "nowhere")
    assert names(folder, "b") == ["b/10.json", "b/2.json", "b/gone.json", "b/link.json"]
    unreadable = {found.path: found.is_missing for found in find([str(folder)]) if found.unreadable}
    assert unreadable == {str(folder / "b" / "gone.json"): False}, "the link is there"


def test_a_link_to_itself_is_unreadable(folder: Path) -> None:
    """A link that leads nowhere but to itself does not end the walk."""
    (folder / "b" / "1.json").symlink_to("1.json")
    first, *others = find([str(folder / "b")])
    assert (first.unreadable, first.is_missing) == ("Too many levels of symbolic links", False)
    assert [Path(found.path).name for found in others] == ["10.json", "2.json"]


def test_a_tree_may_be_deeper_than_python_recurses(tmp_path: Path) -> None:
    """Folders in folders, as deep as a path can be long, are walked to the end."""
    depth = 1_500
    with contextlib.chdir(tmp_path):
        for _ in range(depth):
            Path("d").mkdir()
            os.chdir("d")
        Path("deepest.json").write_text("{}")
        (found,) = find([str(tmp_path)])
        Path("deepest.json").unlink()
        for _ in range(depth):  # by hand, because pytest's own way recurses
            os.chdir("..")
            Path("d").rmdir()
    assert found.path == f"{tmp_path}{'/d' * depth}/deepest.json"


def test_what_is_no_file_is_yielded_with_its_reason(folder: Path) -> None:
    """A missing path and a pipe come out as unreadable instead of being passed over."""
    os.mkfifo(folder / "pipe")
    missing, pipe = find([str(folder / "nowhere"), str(folder / "pipe")])
    assert (missing.unreadable, missing.is_missing) == ("No such file or directory", True)
    assert (pipe.unreadable, pipe.is_missing) == ("Not a regular file", False)


def test_a_name_that_is_no_text_is_shown_as_one(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are a valid file name; the name shown for it can be logged and stored."""
    (tmp_path / os.fsdecode(b"\xff.log")).write_text("")
    (found,) = find([str(tmp_path)])
    assert found.name.endswith("/\ufffd.log")
    found.name.encode()
