from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.cli import main
from tests.emulators import Emulator

ROOT = Path(__file__).parents[2]
RULES = """
rules:
  - {name: listed, description: d, pattern: {source: [aws.iam], detail: {eventName: [ListUsers]}}}
"""


def check(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "rules.yaml").write_text(RULES)
    return subprocess.run(
        [sys.executable, "-m", "daemon", "check", "--rules", "rules.yaml", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1)])
def test_warnings_are_said_and_count_only_when_strict(tmp_path: Path, options: list[str], code: int) -> None:
    """Each warning is a line with file, line, rule and code, and a word on how to silence it."""
    done = check(tmp_path, *options)

    assert done.returncode == code, done.stderr
    warning = "listed: read-only-event: ListUsers is read-only"
    assert f"warn rules.yaml:3: rules[0].pattern.detail.eventName[0]: {warning}" in done.stdout
    assert "`lint_ignore: {its-code: why}` in the rule silences it" in done.stdout
    assert "ok   lint: 1 warning(s)\n" in done.stdout


def test_a_dead_letter_place_that_cannot_be_used_is_found_before_it_is_needed(tmp_path: Path) -> None:
    """Its line says FAIL and why, and so does the exit code."""
    (tmp_path / "file").write_text("")
    (tmp_path / "vigild.yaml").write_text("dead_letters: {default: {type: file, path: file/letters.ndjson}}")
    done = check(tmp_path, "--config", "vigild.yaml")

    assert done.returncode == 1
    assert "FAIL dead letters default: refused: " in done.stdout


@pytest.mark.parametrize(
    ("listen", "code", "said"),
    [
        ("nosuch.invalid:80", 1, "FAIL telemetry.listen: refused: cannot bind nosuch.invalid:80: "),
        ("127.0.0.1:0", 0, "ok   telemetry.listen: 127.0.0.1:0 is free"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_found_before_the_start(
    tmp_path: Path, listen: str, code: int, said: str
) -> None:
    """What `vigild run` would stop at."""
    (tmp_path / "vigild.yaml").write_text(f"telemetry: {{listen: '{listen}'}}")
    done = check(tmp_path, "--config", "vigild.yaml")

    assert done.returncode == code, done.stderr
    assert said in done.stdout


def test_an_address_in_use_is_said_and_no_fault(tmp_path: Path) -> None:
    """The daemon that runs has it, most of the time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "vigild.yaml").write_text(f"telemetry: {{listen: '{listen}'}}")
        done = check(tmp_path, "--config", "vigild.yaml")

    assert done.returncode == 0, done.stderr
    assert f"ok   telemetry.listen: {listen} is in use" in done.stdout


@pytest.mark.parametrize(
    ("region", "code", "said"),
    [
        ("", 1, "FAIL estate: refused: no region to act in: the configuration needs estate.regions or aws.region, or"),
        ("eu-west-3", 0, "ok   estate: 1 account(s), region eu-west-3"),
    ],
)
def test_where_actions_may_act_is_said(tmp_path: Path, moto: Emulator, region: str, code: int, said: str) -> None:
    """The environment's region counts; without any, actions would find that only when they are needed."""
    actions = "{stop: {type: ec2.stop-instances}, start: {type: ec2.start-instances, mode: auto}}"
    (tmp_path / "vigild.yaml").write_text(f"aws: {{endpoint_url: '{moto.endpoint_url}'}}\nactions: {actions}")
    done = check(tmp_path, "--config", "vigild.yaml", AWS_REGION=region, AWS_DEFAULT_REGION="")

    assert done.returncode == code, done.stderr
    assert said in done.stdout
    assert "ok   actions: 1 in auto, 1 in shadow; acting by themselves: start\n" in done.stdout


def test_a_part_that_cannot_be_reached_is_said_with_the_reason_and_the_others_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No region, a host that refuses: each is an object where a program reads, and people have the count at the end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    source, target = "{q: {type: sqs, queue_name: events}}", f"{{w: {{type: webhook, url: '{url}'}}}}"
    (tmp_path / "vigild.yaml").write_text(f"sources: {source}\ntargets: {target}\nrules: [rules.yaml]")
    (tmp_path / "rules.yaml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_CONFIG_FILE", "nowhere")
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    said = _check_here(monkeypatch, capsys)
    monkeypatch.setenv("AWS_REGION", "")
    reported = _check_here(monkeypatch, capsys, "--json")

    region = "aws: sqs: no region is known: set its `region`, aws.region, or AWS_REGION in the environment"
    lines = [json.loads(line) for line in reported.splitlines()]
    assert "FAIL target w: unreachable: OSError: Connection refused\n" in said
    assert said.endswith("2 of 7 parts FAIL\n")
    assert {"status": "fail", "part": "source q", "text": region} in lines
    assert len(lines) == len(said.splitlines()) - 2  # the count, and how to silence a warning


def _check_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Return what the command prints, in this process, where something cannot be reached."""
    monkeypatch.setattr("sys.argv", ["vigild", "check", "--config", "vigild.yaml", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    return capsys.readouterr().out
