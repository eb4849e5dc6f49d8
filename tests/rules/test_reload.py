"""A reload that would leave nothing in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from anyio import to_thread

from daemon.app import reload_rules
from tests.daemons import assembled

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("text", ["", "# nothing\n", "rules: []\n"])
async def test_a_file_that_was_cut_off_does_not_disarm(tmp_path: Path, text: str) -> None:
    """The rules in force stay, and the failed reload is counted."""
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{name: x, description: d, pattern: {source: [aws.ec2]}}]")
    async with assembled({"rules": [str(file)], "state": {"path": str(tmp_path / "state.sqlite")}}) as parts:
        before = parts.pipeline.sieve.rules
        await to_thread.run_sync(file.write_text, text)
        await reload_rules(parts)

        assert parts.pipeline.sieve.rules is before
        counted = {labels["result"]: value for labels, value in parts.telemetry.metrics.values("reloads_total")}
        assert counted["failed"] == 1
