"""How results read for people."""

from __future__ import annotations

import pytest

from daemon.actions.config import Mode
from daemon.dispatch.remediation.result import Asker, Ending, Result, described, result_event


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_has_its_words(ending: Ending) -> None:
    """A headline names the action and what became of it: an ending without words was told to nobody."""
    asker = Asker(intent="i", rule="r", action="close-ssh", kind="k", mode=Mode.AUTO, event="e")

    said = described(result_event(asker, Result(ending=ending, summary="revoke it"), 0.0), "Port 22 is open.")

    assert said.startswith("close-ssh ")
    assert said.endswith(": revoke it (Port 22 is open.)")
