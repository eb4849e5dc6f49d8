"""The command line over files, as a new user meets it."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from daemon.sample import SamplePlan, write_day
from tests.emulators import CREDENTIALS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ENVIRONMENT = {"VIGILD_TELEMETRY__LISTEN": "127.0.0.1:0"}
RECORD = {
    "eventVersion": "1.08",
    "eventID": "11111111-2222-3333-4444-555555555555",
    "eventSource": "cloudtrail.amazonaws.com",
    "eventName": "StopLogging",
    "eventType": "AwsApiCall",
    "eventTime": "2026-01-02T03:04:05Z",
    "awsRegion": "eu-west-1",
    "recipientAccountId": "111122223333",
}


def vigild(
    folder: Path, *arguments: str, stdin: bytes = b"", stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "daemon", *arguments],
        cwd=folder,
        env={
            **os.environ,
            **CREDENTIALS,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "VIGILD_TELEMETRY__LISTEN": "127.0.0.1:0",
        },
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )


def test_the_demo_finds_exactly_the_intrusion_and_alerts_once(tmp_path: Path) -> None:
    """Every planted step alerts with the rules it names, nothing else does; a second run alerts nothing again."""
    summary = write_day(tmp_path / "expected", SamplePlan(events=2_000, seed=7))
    first = vigild(tmp_path, "demo", "--dir", "demo", "--events", "2000", "--seed", "7")
    second = vigild(tmp_path, "demo", "--dir", "demo", "--events", "2000", "--seed", "7")

    alerts = [orjson.loads(line) for line in (tmp_path / "demo" / "alerts.ndjson").read_bytes().splitlines()]
    found = {(alert["event"]["detail"]["eventID"], alert["rule"]) for alert in alerts}
    letters = (tmp_path / "demo" / "dead-letters.ndjson").read_bytes().splitlines()
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert found == {(step.event_id, rule) for step in summary.planted for rule in step.rules}
    assert len(alerts) == len(found)
    assert sorted(orjson.loads(letter)["reason"] for letter in letters) == sorted(
        fault.reason for fault in summary.broken
    )
    assert b"balance" in first.stderr
    assert b"exact" in first.stderr
    assert second.stdout == b""
    assert b"had been handled before" in second.stderr
    assert b"start over" in second.stderr


def test_a_gzip_bomb_and_its_like_do_not_stop_the_rest(tmp_path: Path) -> None:
    """Each kind of bad file is parked with its reason, the good one alerts, the balance is exact."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "a-bomb.json.gz").write_bytes(gzip.compress(b" " * 300 * 1024**2, 1))
    (files / "b-truncated.json.gz").write_bytes(gzip.compress(orjson.dumps({"Records": [RECORD]}))[:-9])
    (files / "c-deep.json").write_bytes(b'{"Records":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}")
    (files / "d-huge.json").write_bytes(b'{"a":"' + b"x" * 5_000_000 + b'"}')
    (files / "e-utf8.json").write_bytes(b'{"a":"\xff"}')
    (files / "f-empty.json").write_bytes(b"")
    (files / "g-good.json").write_bytes(orjson.dumps({"Records": [RECORD]}))
    (files / "h-missing.json").symlink_to("nowhere")
    done = vigild(tmp_path, "run", "files")

    letters = [orjson.loads(line) for line in (tmp_path / "var" / "dead-letters.ndjson").read_bytes().splitlines()]
    reasons = {Path(letter["id"].split(":")[1]).name[0]: letter["reason"] for letter in letters}
    assert done.returncode == 0, done.stderr
    assert b"cloudtrail-trail-stopped" in done.stdout
    assert b"exact" in done.stderr
    assert reasons == {
        "a": "too_large",
        "b": "bad_gzip",
        "c": "too_deep",
        "d": "too_large",
        "e": "not_utf8",
        "f": "empty",
        "h": "unreadable",
    }


def test_a_path_that_leads_nowhere_is_a_fault_and_an_empty_folder_is_told(tmp_path: Path) -> None:
    """A mistyped path is named and nothing is begun; a folder without files of events ends well, and says so."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.me").write_text("no events")
    missing = vigild(tmp_path, "run", "notes", "nots", "*.gz", "elsewhere")
    empty = vigild(tmp_path, "run", "notes")
    assert missing.returncode == 2
    assert missing.stderr.splitlines() == [
        b"vigild: nots: no such file or folder",
        b"vigild: elsewhere: no such file or folder",
    ]
    assert empty.returncode == 0
    assert b"Nothing to read: in folders, files are read that end in .json" in empty.stderr


def test_a_reader_that_has_enough_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """After `| head`, what cannot be printed any more is parked, each alert once, and the exit code says so."""
    records = [{**RECORD, "eventID": f"11111111-2222-3333-4444-{number:012}"} for number in range(100)]
    (tmp_path / "many.json").write_bytes(orjson.dumps({"Records": records}))
    reading, writing = os.pipe()
    os.close(reading)
    ran = vigild(tmp_path, "run", "many.json", stdout=writing)
    os.close(writing)
    letters = (tmp_path / "var" / "dead-letters.ndjson").read_bytes().splitlines()
    assert ran.returncode == 3, ran.stderr
    assert len({orjson.loads(letter)["identity"] for letter in letters}) == len(letters) == len(records)
    assert {orjson.loads(letter)["reason"] for letter in letters} == {"refused"}


def test_match_prints_rules_and_says_how_it_went(tmp_path: Path) -> None:
    """Exit code 0 with a match, 1 without, 2 when an event cannot be read."""
    matching = vigild(tmp_path, "match", "--json", stdin=orjson.dumps(RECORD) + b"\n")
    other = vigild(tmp_path, "match", stdin=orjson.dumps({**RECORD, "eventName": "DescribeTrails"}) + b"\n")
    broken = vigild(tmp_path, "match", stdin=b"{nonsense\n")

    assert orjson.loads(matching.stdout)["rules"] == ["cloudtrail-trail-stopped"]
    assert [result.returncode for result in (matching, other, broken)] == [0, 1, 2]


def test_faults_are_said_in_a_line_each(tmp_path: Path) -> None:
    """A wrong configuration ends with exit code 2 and lines that name the place, never with a traceback."""
    (tmp_path / "vigild.yaml").write_text("sources:\n  q: {type: sqss}\n")
    (tmp_path / "rules.yaml").write_text("rules:\n  - name: x\n    description: d\n    pattern: {a: 1}\n")
    config = vigild(tmp_path, "run", "--config", "vigild.yaml")
    rules = vigild(tmp_path, "check", "--rules", "rules.yaml")
    nothing = vigild(tmp_path, "run")

    assert config.returncode == rules.returncode == nothing.returncode == 2
    assert b"vigild: vigild.yaml:2: sources.q: unknown type 'sqss'; did you mean 'sqs'?" in config.stderr
    assert b"vigild: rules.yaml:4: rules[0].pattern.a: EventBridge refuses this" in rules.stderr
    assert b"nothing to read" in nothing.stderr
    assert all(b"Traceback" not in result.stderr for result in (config, rules, nothing))


def test_a_run_that_ends_with_alerts_nobody_got_says_so(tmp_path: Path) -> None:
    """Exit code 3 for an alert that was parked; events that cannot be read are counted, and alone no failure."""
    (tmp_path / "rules.yaml").write_text("rules: [{name: x, description: d, pattern: {source: [aws.ec2]}}]")
    (tmp_path / "vigild.yaml").write_text(
        "targets: {hook: {type: webhook, url: 'http://127.0.0.1:9/'}}\n"
        "failures: {target_down: {do: park}}\nrules: [rules.yaml]\n"
    )
    (tmp_path / "bad.ndjson").write_text("no event\n")
    (tmp_path / "good.ndjson").write_text('{"id": "1", "source": "aws.ec2", "detail-type": "x", "detail": {}}\n')

    rejected = vigild(tmp_path, "run", "bad.ndjson", "--config", "vigild.yaml")
    parked = vigild(tmp_path, "run", "good.ndjson", "--config", "vigild.yaml")

    assert rejected.returncode == 0, rejected.stderr
    assert b"rejected: not_json" in rejected.stderr
    assert parked.returncode == 3, parked.stderr
    assert b"1 alert(s) could not be delivered: `vigild dead-letters list`" in parked.stderr
