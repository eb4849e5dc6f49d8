"""`.ci/run`, in a scratch project whose make targets are told what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.tools import ROOT, run, tool

SCRIPT = ROOT / ".ci" / "run"
LEAVE_A_PROCESS = "nohup sleep 1000 >/dev/null 2>&1 & echo $$! >>left"


def ci_run(project: Path, check: str, test: str, missing: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script beside a Makefile of two targets; `missing` names a tool it is not to find."""
    (project / ".ci").mkdir()
    shutil.copy(SCRIPT, project / ".ci" / "run")
    (project / "Makefile").write_text(f"check:\n\t@{check}\ntest:\n\t@{test}\n")
    programs = project / "bin"
    programs.mkdir()
    for name in ("promtool", "prometheus", "systemd-analyze", "shellcheck", "apt-get"):
        if name != missing:
            (programs / name).symlink_to(tool("false", "coreutils"))
    (programs / "python3").symlink_to(tool("true", "coreutils"))
    for name in ("bash", "dirname", "make", "ps", "setsid", "sh", "sleep", "nohup", "echo"):
        (programs / name).symlink_to(tool(name, "coreutils"))
    return subprocess.run(
        [programs / "bash", ".ci/run"],
        cwd=project,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        | {"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_clean_shell() -> None:
    """Shellcheck has nothing to say about it."""
    run(tool("shellcheck", "shellcheck"), SCRIPT)


@pytest.mark.parametrize(("check", "test", "expected"), [(":", ":", 0), (":", "exit 3", 2), ("exit 1", ":", 2)])
def test_the_exit_code_is_that_of_the_first_target_that_fails(
    tmp_path: Path, check: str, test: str, expected: int
) -> None:
    """0 when both targets pass; what make exits with, which is 2, when one does not."""
    assert ci_run(tmp_path, check, test).returncode == expected


def test_the_last_words_are_those_of_the_tests(tmp_path: Path) -> None:
    """Nothing is printed after the summary of the tests, whose count a reader looks for there."""
    assert ci_run(tmp_path, "echo checked", "echo '7 passed'").stdout == "checked\n7 passed\n"


def test_processes_that_the_tests_left_are_ended(tmp_path: Path) -> None:
    """No process that a target started is alive afterwards, whether it passed or failed."""
    ci_run(tmp_path, LEAVE_A_PROCESS, LEAVE_A_PROCESS + "; exit 1")
    left = (tmp_path / "left").read_text().split()
    assert len(left) == 2
    assert [pid for pid in left if Path("/proc", pid).exists()] == []


def test_a_missing_tool_that_cannot_be_installed_is_said_and_no_failure(tmp_path: Path) -> None:
    """Where apt-get fails, the run goes on and names the package, for the tests that need it skip."""
    done = ci_run(tmp_path, ":", ":", missing="promtool")
    assert done.returncode == 0
    assert "could not install: prometheus" in done.stderr
