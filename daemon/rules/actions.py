"""Finds the `actions:` that stand in rule files; settings.py puts the configuration's own over them.

So a playbook, a rule with what is done about it, is one file that works by being named under `rules:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from daemon.actions import AnyActionConfig
from daemon.errors import ConfigError
from daemon.rules.model import Name
from daemon.rules.read import rule_files
from daemon.yaml_file import MOST_BYTES, Strict, YamlFile, load_yaml

_MAY_HAVE_ACTIONS: Final = re.compile(rb"""\bactions["']?[ \t]*:""")
"""Most rule files have none, and reading YAML takes long."""


class _Section(Strict):
    actions: dict[Name, AnyActionConfig]


def actions_of(paths: Sequence[Path], configured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the actions of the files and folders and those configured, as they were written.

    One configured without a `type` is laid over that of a rule file, field by field; with one it stands for itself.
    Raises ConfigError with every fault of what the rule files say about actions.
    """
    problems: list[str] = []
    found: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for path in rule_files(paths, []):
        for file in _files_with_actions(path):
            for name, action in _section(file, problems).items():
                origin = f"{file.path}:{file.line(('actions', name))}"
                if name in origins:
                    message = f"{name!r} is the name of an action at {origins[name]} already"
                    problems.append(file.problem(("actions", name), message))
                found[name] = action
                origins[name] = origin
    if problems:
        raise ConfigError(*problems)
    return found | {name: _laid_over(found.get(name), action) for name, action in configured.items()}


def _files_with_actions(path: Path) -> Iterator[YamlFile]:
    """Yield the file if it has any; what cannot be read is named by whoever loads the rules."""
    try:
        with path.open("rb") as text:
            file = load_yaml(path) if _MAY_HAVE_ACTIONS.search(text.read(MOST_BYTES)) else None
    except (ConfigError, OSError):
        return
    if file is not None and isinstance(file.data, dict) and "actions" in file.data:
        yield file


def _section(file: YamlFile, problems: list[str]) -> Mapping[str, Any]:
    section = file.data["actions"]
    try:
        _Section.model_validate({"actions": section})
    except ValidationError as error:
        problems += file.problems(error)
        return {}
    return dict(section)


def _laid_over(below: Any, action: Any) -> Any:
    if isinstance(below, dict) and isinstance(action, dict) and "type" not in action:
        return {**below, **action}
    return action
