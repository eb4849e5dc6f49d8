"""What commands about actions say where they find nothing: in which state they looked."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from daemon.cli import main
from tests.stores import keep_state

COMMANDS = [["approve", "1"], ["deny", "1"], ["undo", "1"], ["approvals"], ["holds", "lift", "1"]]


def said_by(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """Run the command, which fails; return what it said."""
    monkeypatch.setattr("sys.argv", ["vigild", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert ended.value.code in {1, 2}, told.err
    return told.out + told.err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_configured_state_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """Another configuration may have it."""
    keep_state(tmp_path / "some.sqlite")
    path = tmp_path / "vigild.yaml"
    path.write_text(yaml.safe_dump({"state": {"path": str(tmp_path / "some.sqlite")}}))

    said = said_by(monkeypatch, capsys, [*command, "--config", str(path)])

    assert f"in state file {tmp_path / 'some.sqlite'}\n" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_the_default_state_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """Who forgot --config sees that, and from which folder they came."""
    keep_state(tmp_path / "var" / "state.sqlite")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIGILD_CONFIG", raising=False)

    said = said_by(monkeypatch, capsys, command)

    assert f"in state file {tmp_path / 'var/state.sqlite'}, the default without --config\n" in said
