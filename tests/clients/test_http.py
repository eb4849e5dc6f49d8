"""When servers want to be asked again."""

from __future__ import annotations

import math
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.clients import retry_after

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120.0),
        ("Friday, 15-Jan-27 08:02:00 GMT", 120.0),
        ("Fri Jan 15 08:02:00 2027", 120.0),
        ("Fri, 15 Jan 2027 09:02:00 +0100", 120.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("1" * 400, None),
        ("\u0661\u0662\u0660", None),
        ("soon", None),
        ("", None),
        ("Fri, 99 Jan 2027 08:02:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    """A number and the three forms of HTTP date are understood; the past is now; anything else says nothing."""
    assert retry_after(value, NOW) == seconds


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_every_date_is_understood(moment: int) -> None:
    """A date is as far away as it is."""
    assert retry_after(formatdate(moment, usegmt=True), NOW) == max(moment - NOW, 0.0)


@given(st.text())
def test_no_header_does_harm(value: str) -> None:
    """Whatever a server writes, the answer is a finite span that is not negative, or None."""
    seconds = retry_after(value, NOW)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)
