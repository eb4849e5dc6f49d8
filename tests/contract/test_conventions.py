"""What holds for the whole tree: sizes, names, one table for each folder of components, a sentence for each test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from daemon.dispatch.dead_letters import PLACES
from daemon.sinks import SINKS
from daemon.sources import SOURCES
from daemon.state import STATE_STORES

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "daemon").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
MOST_LINES = 300
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "misc", "core", "manager"}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_idea(path: Path) -> None:
    """No file is longer than a person reads in one go, none has a name that says nothing, each says what it is for."""
    text = path.read_text()

    assert len(text.splitlines()) <= MOST_LINES
    assert path.stem not in EMPTY_WORDS
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize(
    ("folder", "table"),
    [("dispatch/dead_letters", PLACES), ("sinks", SINKS), ("sources", SOURCES), ("state", STATE_STORES)],
    ids=["dead_letters", "sinks", "sources", "state"],
)
def test_the_table_names_what_is_there(folder: str, table: dict[str, object]) -> None:
    """Each component's type is the name of its file or folder."""
    names = {path.stem for path in (ROOT / "daemon" / folder).iterdir()}

    assert set(table) <= names


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_test_says_what_it_shows(path: Path) -> None:
    """A test's docstring is the sentence that it makes true."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]

    assert [node.name for node in functions if not ast.get_docstring(node)] == []


def test_the_environment_is_read_in_one_place() -> None:
    """Only settings.py may look at environment variables (pydantic-settings does it for it)."""
    assert [path.name for path in CODE if "os.environ" in path.read_text() and path.name != "settings.py"] == []


def test_nothing_is_left_unfinished() -> None:
    """No placeholder stands in the code."""
    words = ("NotImplementedError", "TODO", "FIXME")

    assert [path for path in CODE if any(word in path.read_text() for word in words)] == []
