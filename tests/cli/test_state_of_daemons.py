"""Commands that work on what daemons keep, where no daemon keeps it, or where it is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml

from daemon.cli import main
from daemon.clock import SystemClock
from daemon.dedupe.session import Session
from daemon.journal import Entry, Journal
from daemon.state.base import Delete
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.telemetry import build_telemetry
from daemon.telemetry.log import LogFormat, LogLevel


@pytest.fixture
def state(tmp_path: Path) -> SqliteConfig:
    config: dict[str, Any] = {"state": {"path": str(tmp_path / "state.sqlite")}, "targets": {"t": {"type": "stdout"}}}
    (tmp_path / "vigild.yaml").write_text(yaml.safe_dump(config))
    return SqliteConfig(path=tmp_path / "state.sqlite")


@pytest.fixture
def vigild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["vigild", *arguments, "--config", str(tmp_path / "vigild.yaml")])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    "command",
    [
        ("holds", "add", "--why", "x"),
        ("silences", "add", "--why", "x", "--hours", "1"),
        ("journal", "verify"),
        ("leases", "list"),
        ("alerts", "list"),
        ("approvals",),
        ("undo", "x"),
    ],
    ids=" ".join,
)
def test_a_state_that_no_daemon_has_made_is_not_made_by_a_command(
    state: SqliteConfig, vigild: Any, command: tuple[str, ...]
) -> None:
    """Nobody shall believe that a hold stops a daemon that looks elsewhere, or that no entry is a whole journal."""
    code, said, error = vigild(*command)

    assert (code, said) == (2, "")
    assert f"state: {state.path}: no such file" in error
    assert not state.path.exists()


def test_a_hold_says_whether_a_daemon_looks_at_it(state: SqliteConfig, vigild: Any) -> None:
    """With a session of another process on the state it is in force, without one it only lies there."""

    async def leave_session(*, ended: bool) -> None:
        clock = SystemClock()
        store = await SqliteStore.open(state, clock)
        session = Session(store, clock, build_telemetry(LogFormat.JSON, LogLevel.ERROR, clock), 15.0, 5.0)
        await session.renew()
        if ended:
            await session.end()
        await store.close()

    anyio.run(lambda: leave_session(ended=True))
    _, alone, _ = vigild("holds", "add", "--why", "x")
    anyio.run(lambda: leave_session(ended=False))
    _, heard, _ = vigild("holds", "add", "--why", "x")

    assert f"is placed in {state.where}, but no daemon runs" in alone
    assert f"is in force within two seconds for the daemons on {state.where}" in heard


def test_text_of_people_stays_on_its_line(state: SqliteConfig, vigild: Any) -> None:
    """A reason or a name with newlines and escapes forges no line of the journal, of the holds or of the silences."""
    anyio.run(_fill, state, 1)
    forged = "ok\n2026-11-26T15:26:19Z  deadbeef  root-used  done\x1b[2J"
    assert vigild("holds", "add", "--why", forged, "--by", "bob\nx")[0] == 0
    assert vigild("silences", "add", "--why", forged, "--by", "bob\nx", "--hours", "1")[0] == 0

    for command in (("journal", "show", "--last", "1"), ("holds", "list"), ("silences", "list")):
        _, said, _ = vigild(*command)
        assert len(said.splitlines()) == 1, said
        assert r"by bob\x0ax" in said
        assert command[0] == "journal" or r"ok\x0a2026" in said


def test_a_damaged_journal_is_shown_and_exported_past_its_faults(state: SqliteConfig, vigild: Any) -> None:
    """What is left can be read, where something is missing is said, and the exit code is 1."""
    anyio.run(_fill, state, 5, ["journal/000000000002"])

    code, shown, _ = vigild("journal", "show")
    assert code == 1
    assert [line.split()[1] for line in shown.splitlines()] == ["i-0", "i-1", "journal:", "i-3", "i-4"]
    assert "!! journal: block 2 is missing, the next one is 3" in shown
    code, exported, error = vigild("journal", "export")
    assert (code, exported.count("\n")) == (1, 4)
    assert "block 2 is missing" in error
    assert vigild("journal", "verify")[0] == 1


async def _fill(state: SqliteConfig, entries: int, damage: list[str] | None = None) -> None:
    store = await SqliteStore.open(state, SystemClock())
    journal = Journal(store)
    for number in range(entries):
        await journal.append(Entry(at=0.0, step="done", intent=f"i-{number}"))
    await store.delete([Delete(key, None) for key in damage or ()])
    await store.close()
