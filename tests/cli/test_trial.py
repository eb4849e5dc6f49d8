from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from daemon.cli import main

RULES = """
rules:
  - name: stopped
    description: d
    pattern: {source: [aws.ec2], detail: {state: [stopped]}}
    tests:
      - {name: it stops, match: true, event: {id: a, source: aws.ec2, detail-type: t, detail: {state: Stopped}}}
      - {name: it runs, match: false, event: {id: a, source: aws.ec2, detail-type: t, detail: {state: stopped}}}
"""


def test_a_test_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under a rule that did not match stands what failed, with the hint; under one that did, nothing."""
    (tmp_path / "rules.yaml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["vigild", "test", "--rules", "rules.yaml"])
    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "rules.yaml:3: stopped: 'it stops': did not match, but must",
        "  FAIL detail.state",
        '         rule   "stopped"',
        '         event  "Stopped"',
        '         hint   only the case differs; {"equals-ignore-case": …} would ignore it',
        "rules.yaml:3: stopped: 'it runs': matched, but must not",
        "1 rules, 2 tests, 2 failed",
    ]

    monkeypatch.setattr(sys, "argv", ["vigild", "test", "--rules", "rules.yaml", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ended.value.code == 1
    assert [(one["rule"], one["test"], one["passed"], len(one["reasons"])) for one in reports] == [
        ("stopped", "it stops", False, 4),
        ("stopped", "it runs", False, 0),
    ]
