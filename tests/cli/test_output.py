from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RULES = "rules: [{name: x, description: d, pattern: {source: [aws.ec2]}}]"
EVENT = '{"id": "1", "source": "aws.ec2", "detail-type": "x", "detail": {}}\n'


MATCH = ["match", "-r", "rules.yaml", "events.ndjson"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "events.ndjson").write_text(EVENT)
    return tmp_path


def vigild(folder: Path, arguments: list[str], *, shell: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command; `shell` is what a shell is told to do with its standard streams."""
    command = [sys.executable, "-m", "daemon", *arguments]
    if shell:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.run(command, cwd=folder, env=environment, check=False, text=True, **options)


@pytest.mark.parametrize(("arguments", "unbuffered"), [(MATCH, "1"), (["schema", "config"], "")])
def test_output_that_is_not_taken_is_one_line_and_its_own_exit_code(
    folder: Path, arguments: list[str], unbuffered: str
) -> None:
    """A full disk under standard output is told from "nothing matched", without a traceback."""
    with Path("/dev/full").open("w") as full:
        done = vigild(folder, arguments, env={"PYTHONUNBUFFERED": unbuffered}, stdout=full, stderr=subprocess.PIPE)

    assert (done.returncode, done.stderr) == (4, "vigild: standard output: No space left on device\n")


@pytest.mark.parametrize("arguments", [MATCH, ["match", "--help"], ["match", "-r", "nowhere.yaml"]])
def test_a_pipe_that_nobody_reads_any_more_ends_any_command_quietly(folder: Path, arguments: list[str]) -> None:
    """Results, help and errors of our own alike: 128 + SIGPIPE, as a shell says of other tools, and not a word."""
    reading, writing = os.pipe()
    os.close(reading)
    is_error = "nowhere.yaml" in arguments
    streams: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "stderr" if is_error else "stdout": writing,
    }
    try:
        done = vigild(folder, arguments, **streams)
    finally:
        os.close(writing)

    assert (done.returncode, done.stdout or "", done.stderr or "") == (141, "", "")


@pytest.mark.parametrize(
    ("closed", "code", "said"),
    [
        (">&-", 4, "vigild: standard output: Bad file descriptor\n"),
        ("<&- 2>&- >/dev/null", 0, ""),
    ],
)
def test_streams_that_are_closed_at_the_start_are_not_the_event_loops(
    folder: Path, closed: str, code: int, said: str
) -> None:
    """A loop on a standard stream's number aborts the process; closed output is a fault, the others are not."""
    done = vigild(folder, MATCH, shell=closed, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    assert (done.returncode, done.stderr) == (code, said)
