"""The Makefile's targets and the lock files it installs from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.deploy.tools import ROOT, run, tool

LOCKS = {"run": (), "build": ("build",), "dev": ("build", "dev")}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)


def lock(name: str) -> str:
    """Return the text of a lock file."""
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def pins(name: str) -> dict[str, Version]:
    """Return the pinned version of each distribution in a lock file."""
    return {found[1]: Version(found[2]) for found in PIN.finditer(lock(name))}


def test_help_lists_every_target() -> None:
    """Each target meant for people has a line in `make help`, and the bare command shows it."""
    promised = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert promised is not None
    shown = re.findall(r"^  make (\w+) ", run(tool("make", "make"), "--no-print-directory"), re.MULTILINE)
    assert sorted(shown) == sorted(promised[1].split())


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_name_no_host(name: str) -> None:
    """What pip installs comes from the index that the machine is set up with."""
    assert re.findall(r"\w+://|--(?:index|extra-index|find-links)", lock(name)) == []


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_hold_what_the_project_asks_for(name: str) -> None:
    """Every requirement of pyproject.toml is pinned to a version that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [
        *project["dependencies"],
        *(line for extra in LOCKS[name] for line in project["optional-dependencies"][extra]),
    ]
    pinned = pins(name)
    wrong = [line for line in map(Requirement, asked) if pinned[line.name.lower()] not in line.specifier]
    assert wrong == []


def test_lock_files_agree() -> None:
    """What runs in the image is what was tested: the larger files pin the same versions as the smaller ones."""
    assert pins("run").items() <= pins("build").items() <= pins("dev").items()


def test_stamps_make_the_second_run_a_no_op(tmp_path: Path) -> None:
    """With an environment newer than the lock files nothing is installed, so no network is needed."""
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "requirements").mkdir()
    for name in LOCKS:
        (tmp_path / "requirements" / f"{name}.txt").write_text(lock(name))
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for stamp in ("bin/python", ".run", ".dev"):
        (tmp_path / ".venv" / stamp).touch()
    assert "pip" not in run(tool("make", "make"), "--dry-run", "check", cwd=tmp_path)
