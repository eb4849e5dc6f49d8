from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = "rules: [{name: x, description: d, pattern: {source: [aws.ec2]}}]"
EVENT = '{"id": "1", "source": "aws.ec2", "detail-type": "x", "detail": {}}\n'


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["match", "-r", "rules.yaml", "events.ndjson"], ["schema", "config"]])
def test_output_that_is_not_taken_is_one_line_and_its_own_exit_code(
    tmp_path: Path, arguments: list[str], unbuffered: str
) -> None:
    """A full disk under standard output is told from "nothing matched", without a traceback."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "events.ndjson").write_text(EVENT)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "daemon", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
        )

    assert (done.returncode, done.stderr) == (4, "vigild: standard output: No space left on device\n")
