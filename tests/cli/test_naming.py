from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from daemon.cli import main
from tests.stores import keep_state

RULES = """
rules:
  - {name: ssh-open, description: d, pattern: {source: [aws.ec2]}}
"""
HOLD = ["holds", "add", "--why", "x"]
SILENCE = ["silences", "add", "--why", "x", "--hours", "1"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    path = tmp_path / "vigild.yaml"
    content = {
        "rules": [str(tmp_path / "rules.yaml")],
        "targets": {"pager": {"type": "stdout"}},
        "actions": {"close-ssh": {"type": "ec2.restrict-ingress", "port": 22}},
        "state": {"path": str(tmp_path / "state.sqlite")},
    }
    path.write_text(yaml.safe_dump(content))
    keep_state(tmp_path / "state.sqlite")
    return path


def vigild(config: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["vigild", *arguments, "--config", str(config)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("command", "on", "said"),
    [
        (HOLD, "rule=ssh-opn", "no rule called 'ssh-opn'; did you mean 'ssh-open'?"),
        (HOLD, "rule=shs-*", "no rule like 'shs-*'"),
        (HOLD, "action=clse-ssh", "no action called 'clse-ssh'; did you mean 'close-ssh'?"),
        (SILENCE, "rule=ssh-opn", "no rule called 'ssh-opn'; did you mean 'ssh-open'?"),
        (SILENCE, "target=pagr", "no target called 'pagr'; did you mean 'pager'?"),
    ],
)
def test_what_would_stop_nothing_is_refused(
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    on: str,
    said: str,
) -> None:
    """A slip in a name is told with what was meant, and nothing is in force; --anyway places it all the same."""
    assert vigild(config, monkeypatch, *command, "--on", on) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "placed in" not in told.out
    vigild(config, monkeypatch, command[0], "list")
    assert "by " not in capsys.readouterr().out

    assert vigild(config, monkeypatch, *command, "--on", on, "--anyway") == 0
    assert "placed in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "on"),
    [
        (HOLD, "rule=ssh-*"),
        (HOLD, "account=444455556666"),
        (SILENCE, "target=p*"),
        (SILENCE, "rule=vigild-target-suspended"),
        (SILENCE, "$.detail.user=x"),
    ],
)
def test_what_fits_is_placed(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str], on: str
) -> None:
    """Names and patterns that fit something, vigild's own alerts, and what the configuration cannot know."""
    assert vigild(config, monkeypatch, *command, "--on", on) == 0
    assert "placed in" in capsys.readouterr().out


def test_rules_with_a_fault_keep_nobody_from_placing_a_hold(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The daemon goes on with the rules it has, and must be stoppable."""
    (config.parent / "rules.yaml").write_text("")
    assert vigild(config, monkeypatch, *HOLD) == 0
    told = capsys.readouterr()
    assert "rules.yaml: holds no rule" in told.err
    assert "is placed in" in told.out


@pytest.mark.parametrize("command", [HOLD, SILENCE])
def test_what_is_in_force_is_listed_for_programs(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """A JSON object a line, as every command that lists gives them."""
    vigild(config, monkeypatch, *command, "--on", "rule=ssh-open")
    capsys.readouterr()
    vigild(config, monkeypatch, command[0], "list", "--json")
    (line,) = capsys.readouterr().out.splitlines()

    assert json.loads(line)["why"] == "x"
