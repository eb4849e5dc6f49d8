"""Which letters a person means."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.dispatch.dead_letters import DeadLetter
from daemon.dispatch.dead_letters.selection import Selection

LETTER = DeadLetter(
    id="abc123",
    parked_at=1_000.0,
    origin="target",
    name="hook",
    reason="refused",
    detail="HTTP 400",
    rule="stopped",
)


@pytest.mark.parametrize(
    ("parts", "meant"),
    [
        ({}, True),
        ({"ids": ("abc",)}, True),
        ({"ids": ("b", "abc123")}, True),
        ({"ids": ("bc",)}, False),
        ({"reasons": frozenset({"refused", "timeout"})}, True),
        ({"reasons": frozenset({"timeout"})}, False),
        ({"names": frozenset({"hook"}), "rules": frozenset({"stopped"})}, True),
        ({"names": frozenset({"hook"}), "rules": frozenset({"other"})}, False),
        ({"names": frozenset({"pager"})}, False),
        ({"parked_before": 1_000.0}, False),
        ({"parked_before": 1_000.5}, True),
        ({"parked_after": 1_000.0}, True),
        ({"parked_after": 1_000.5}, False),
    ],
)
def test_a_letter_is_meant_that_fits_every_part(parts: dict[str, Any], meant: bool) -> None:  # noqa: FBT001 - a table
    """Empty parts fit all, the others must all fit."""
    assert Selection(**parts).means(LETTER) is meant
