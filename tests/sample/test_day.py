from __future__ import annotations

from collections import Counter
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sample.day import deliveries, moment, written
from daemon.sample.organisation import PLACES
from daemon.sample.rhythm import SLOTS

from .conftest import Written


@settings(max_examples=20, deadline=None)
@given(benign=st.integers(0, 5_000_000), seed=st.integers(0, 2**32))
def test_deliveries_add_up(benign: int, seed: int) -> None:
    """However many events there are, the deliveries hold exactly them; each place has its turn in each slot."""
    laid_out = list(deliveries(benign, seed))
    assert sum(one.benign for one in laid_out) == benign
    assert min(one.benign for one in laid_out) >= 0
    assert [one.slot for one in laid_out] == sorted(list(range(SLOTS)) * len(PLACES))


def test_one_delivery_is_a_small_part_of_the_day() -> None:
    """No five minutes of one account hold more than a third of a percent of a day: what is in memory at once."""
    assert max(one.benign for one in deliveries(1_000_000, 1)) < 3_500


def test_times_are_written_as_cloudtrail_does() -> None:
    """Times are RFC 3339 in UTC, to the second, with Z."""
    assert written(moment(date(2026, 3, 3), 287, 299)) == "2026-03-03T23:59:59Z"


def test_days_are_busier_than_nights(sample: Written) -> None:
    """Late morning has at least one and a half times the calls of the small hours, and people are the reason."""
    hours = Counter(record["eventTime"][11:13] for record in sample.records.values())
    people = Counter(
        record["eventTime"][11:13]
        for record in sample.records.values()
        if "Engineer" in record["userIdentity"].get("arn", "")
    )
    assert hours["10"] > 1.5 * hours["03"]
    assert people["10"] > 10 * max(people["03"], 1)
