from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = """
rules:
  - {name: listed, description: d, pattern: {source: [aws.iam], detail: {eventName: [ListUsers]}}}
"""


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1)])
def test_warnings_are_said_and_count_only_when_strict(tmp_path: Path, options: list[str], code: int) -> None:
    """Each warning is a line with file, line, rule and code, and a word on how to silence it."""
    (tmp_path / "rules.yaml").write_text(RULES)
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "check", "--rules", "rules.yaml", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == code, done.stderr
    warning = "listed: read-only-event: ListUsers is read-only"
    assert f"warn rules.yaml:3: rules[0].pattern.detail.eventName[0]: {warning}" in done.stdout
    assert "`lint_ignore: {its-code: why}` in the rule silences it" in done.stdout
    assert "ok   lint: 1 warning(s)\n" in done.stdout
