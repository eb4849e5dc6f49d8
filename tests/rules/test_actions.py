"""Actions that stand in rule files, and what the configuration changes of them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from daemon.actions.config import ActionConfig, Mode
from daemon.assembly import rules_of
from daemon.errors import ConfigError
from daemon.settings import load_settings

PLAYBOOK = """
    rules:
      - {name: opened, description: d, pattern: {source: [aws.ec2]}, actions: [close-ssh]}
    actions:
      close-ssh: {type: ec2.restrict-ingress, port: 22, allowed: [10.10.0.0/16]}
"""


def actions(folder: Path, configured: str, *files: str) -> dict[str, ActionConfig]:
    rules = folder / "rules"
    rules.mkdir()
    for number, text in enumerate(files):
        (rules / f"{number}.yaml").write_text(dedent(text))
    path = folder / "vigild.yaml"
    path.write_text(f"rules: [{rules}]\n{dedent(configured)}")
    settings = load_settings(path)
    rules_of(settings)
    return settings.actions


def problems(folder: Path, configured: str, *files: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        actions(folder, configured, *files)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_rule_file_brings_its_action_along(tmp_path: Path) -> None:
    """Naming the folder is enough: the action is there, in shadow."""
    action = actions(tmp_path, "", PLAYBOOK)["close-ssh"]

    assert (action.type, action.mode) == ("ec2.restrict-ingress", Mode.SHADOW)


def test_the_configuration_changes_fields_of_it(tmp_path: Path) -> None:
    """What is given without a type goes over the rule file's action; its other fields stay."""
    action = actions(tmp_path, "actions: {close-ssh: {mode: auto}}", PLAYBOOK)["close-ssh"]

    assert (action.mode, action.model_dump()["port"]) == (Mode.AUTO, 22)


def test_the_environment_changes_fields_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable goes to auto as the file does."""
    monkeypatch.setenv("VIGILD_ACTIONS", '{"close-ssh": {"mode": "approve"}}')

    assert actions(tmp_path, "", PLAYBOOK)["close-ssh"].mode is Mode.APPROVE


def test_one_with_a_type_stands_for_itself(tmp_path: Path) -> None:
    """An action of the configuration that is whole takes nothing from the rule file."""
    whole = "actions: {close-ssh: {type: ec2.restrict-ingress, port: 3389}}"

    assert actions(tmp_path, whole, PLAYBOOK)["close-ssh"].model_dump()["allowed"] == frozenset()


@pytest.mark.parametrize(
    ("configured", "files", "expected"),
    [
        ("", [PLAYBOOK.replace("port: 22, ", "")], "rules/0.yaml:5: actions.close-ssh: 'port' is missing"),
        ("", [PLAYBOOK.replace("port: 22", "prot: 22")], "rules/0.yaml:5: actions.close-ssh.prot: unknown field"),
        ("", [PLAYBOOK, PLAYBOOK.replace("opened", "other")], "rules/1.yaml:5: actions.close-ssh: 'close-ssh' is the"),
        ("actions: {close-shh: {mode: auto}}", [PLAYBOOK], "vigild.yaml:2: actions.close-shh: 'type' is missing"),
        ("actions: {close-ssh: {port: many}}", [PLAYBOOK], "vigild.yaml:2: actions.close-ssh.port: "),
        ("actions: {close-ssh: 5}", [PLAYBOOK], "vigild.yaml:2: actions.close-ssh: "),
        ("", [PLAYBOOK + "    rules: []\n"], "rules/0.yaml:"),
        ("", ["actions: []\nrules: []\n"], "rules/0.yaml:1: actions: must be a mapping"),
    ],
)
def test_a_fault_is_named_where_it_stands(tmp_path: Path, configured: str, files: list[str], expected: str) -> None:
    """Whether the rule file or the configuration is wrong: file, line, field."""
    assert any(problem.startswith(expected) for problem in problems(tmp_path, configured, *files))


def test_an_action_that_came_after_the_start_is_said_to_be_new(tmp_path: Path) -> None:
    """At a reload, rules of a playbook that was not there at the start keep the old rules in force, with the reason."""
    settings = load_settings(None, {"rules": [tmp_path]})
    (tmp_path / "rule.yaml").write_text(dedent(PLAYBOOK))

    with pytest.raises(ConfigError, match=r"rule\.yaml:3: .*'close-ssh' is new in this file"):
        rules_of(settings)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [(5, "must be a list"), ([5], "must be the path"), (["no-such-folder"], "no-such-folder: no such file")],
)
def test_rules_that_are_no_paths_are_said_to_be(rules: Any, expected: str) -> None:
    """Looking for actions does not hide what is wrong with `rules`."""
    with pytest.raises(ConfigError, match=expected):
        rules_of(load_settings(None, {"rules": rules}))
