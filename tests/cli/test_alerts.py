from __future__ import annotations

import json
import time
from pathlib import Path

import anyio
import pytest
import yaml

from daemon.cli import main
from daemon.dispatch.alerts.group import Group
from tests.clocks import HandWound
from tests.dispatch.alerts.replica import event, replica
from tests.servers import serve

GROUP = {"by": ["account"], "wait_seconds": 3_600, "close_after_seconds": 7_200}


async def _two_groups(folder: Path) -> list[Group]:
    """Leave the groups of two accounts in the state, one with markup and an escape in its name."""
    async with serve() as server, replica(folder, server, HandWound(time.time()), group=GROUP) as process:
        await process.alert(event(1, account="[red]\x1b[2Jx"), event(2))
        config = {
            "targets": {"hook": {"type": "webhook", "url": server.url, "group": GROUP}},
            "rules": [str(folder / "rules.yaml")],
            "state": {"path": str(folder / "state.sqlite")},
        }
        (folder / "vigild.yaml").write_text(yaml.safe_dump(config))
        return [kept.group for kept in process.parts.groups.all_known()]


def test_open_groups_are_listed_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table for people, JSON for programs, one group whole; hostile text is no markup, an unknown id exit code 1."""
    groups = anyio.run(_two_groups, tmp_path)

    def vigild(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["vigild", "alerts", *arguments, "--config", str(tmp_path / "vigild.yaml")])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    _, table, _ = vigild("list", "hook")
    assert len(table.splitlines()) == 3
    assert r"stopped (account [red]\x1b[2Jx): An instance stopped." in table
    assert "opened note in" in table

    _, lines, _ = vigild("list", "--json")
    assert {json.loads(line)["id"] for line in lines.splitlines()} == {group.incarnation for group in groups}
    assert vigild("list", "--json", "other") == (0, "", "")

    (second,) = (group for group in groups if group.key.by == (("account", "111122223333"),))
    _, whole, _ = vigild("show", second.incarnation[:8])
    assert json.loads(whole)["by"] == {"account": "111122223333"}
    assert [example["event"] for example in json.loads(whole)["examples"]] == ["eventbridge:2"]
    assert vigild("show", "none") == (1, "", "vigild: no group of alerts is open by the id 'none'\n")
