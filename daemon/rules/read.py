"""Finds rule files and reads them, each rule with the place where it stands; load.py and lint.py go through it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.errors import ConfigError
from daemon.match.eventbridge.places import parts
from daemon.rules.model import RuleConfig, RuleFile
from daemon.yaml_build import Location
from daemon.yaml_file import YamlFile, load_yaml

_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands."""

    file: YamlFile
    location: Location

    @property
    def origin(self) -> str:
        """Path and line."""
        return f"{self.file.path}:{self.file.line(self.location)}"

    def problem(self, message: str, *fields: str | int) -> str:
        """Return "path:line: field: message" for a field of the rule."""
        return self.file.problem((*self.location, *fields), message)

    def pattern_problem(self, message: str, path: str, line: int) -> str:
        """Return the same for a JSON path in the pattern, which is on that line of it if the pattern is text."""
        return self.file.problem((*self.location, "pattern", *parts(path)), message, line)

    def filter_problem(self, message: str, line: int) -> str:
        """Return the same for a line, from 1, of the filter of `log:`."""
        return self.file.problem((*self.location, "log", "filter"), message, line)


def rule_files(paths: Sequence[Path], problems: list[str]) -> Iterator[Path]:
    """Yield the files, and the .yaml and .yml files of the folders (whole trees, sorted), in the order given.

    Inside folders, names that start with a dot are left out: Kubernetes lays a ConfigMap's files there once more.
    A folder without one is a fault, as is a file without a rule: who watches nothing is told so, not left alone.
    """
    for path in paths:
        try:
            found = _files_at(path)
        except FileNotFoundError:
            problems.append(f"rules: {path}: no such file or folder, seen from {Path.cwd()}")
            continue
        except OSError as error:
            problems.append(f"rules: {path}: {error.strerror}")
            continue
        if not found:
            problems.append(f"{path}: no file in this folder ends in {' or '.join(sorted(_SUFFIXES))}")
        yield from found


def _files_at(path: Path) -> list[Path]:
    """Raises OSError where it may not look."""
    if not stat.S_ISDIR(path.stat().st_mode):
        return [path]
    os.scandir(path).close()  # rglob passes over a folder that it may not read
    return sorted(file for file in path.rglob("*") if _is_rule_file(file, path))


def _is_rule_file(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return file.suffix in _SUFFIXES and not hidden and file.is_file()


def read_rules(path: Path, problems: list[str]) -> Iterator[tuple[RuleConfig, Place]]:
    """Yield the rules of a file that have no fault: their patterns are looked at, whatever is wrong with the others;
    each fault is added to `problems`.
    """
    try:
        file = load_yaml(path)
    except ConfigError as error:
        problems.extend(error.problems)
        return
    try:
        read = RuleFile.model_validate(file.data if file.data is not None else {"rules": []})
    except ValidationError as error:
        problems.extend(file.problems(error))
        configs = dict(_faultless(file.data))
    else:
        configs = dict(enumerate(read.rules))
        if not read.rules and not read.actions:
            # A write that was cut off looks the same, and would disarm a daemon that reloads.
            problems.append(f"{path}: holds no rule; remove the file if there shall be none")
    for index, config in configs.items():
        yield config, Place(file, ("rules", index))


def _faultless(data: Any) -> Iterator[tuple[int, RuleConfig]]:
    entries = data.get("rules") if isinstance(data, dict) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        with suppress(ValidationError):
            yield index, RuleConfig.model_validate(entry)
