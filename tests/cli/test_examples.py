from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import typer

from daemon.cli import application
from daemon.cli.examples import EXAMPLES, EXIT_CODES

ROOT = Path(__file__).parents[2]
COMMANDS = typer.main.get_group(application)
LINES = [(command, line) for command, lines in EXAMPLES.items() for line in lines]


@pytest.mark.parametrize(("command", "line"), LINES, ids=[line for _, line in LINES])
def test_an_example_is_a_call_of_its_command(command: str, line: str) -> None:
    """Each option and argument of what people copy is one that there is."""
    _, *words = shlex.split(line[line.index("vigild ") :].partition(" > ")[0])
    name, group = words.pop(0), COMMANDS
    context = group.make_context("vigild", [name, *words], resilient_parsing=False)
    found = group.get_command(context, name)
    if isinstance(found, typer.core.TyperGroup):
        context = found.make_context(name, list(words), parent=context)
        name = words.pop(0)
        found = found.get_command(context, name)
    assert found is not None
    found.make_context(name, words, parent=context)

    assert command in line


def test_every_command_has_examples() -> None:
    """Nobody has to guess how a command is called."""
    assert set(EXAMPLES) == set(COMMANDS.commands)


def test_the_exit_codes_are_written_down() -> None:
    """The operator's page and `vigild --help` say the same."""
    page = (ROOT / "docs" / "operations.md").read_text()

    assert [f"| {code} | {meaning} |" in page for code, meaning in EXIT_CODES.items()] == [True] * len(EXIT_CODES)
