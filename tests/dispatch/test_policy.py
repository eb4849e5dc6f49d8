"""What is done about each kind of failure."""

from __future__ import annotations

import pytest

from daemon.dispatch.policy import (
    ACTION_FAILURES,
    ALERT_FAILURES,
    TROUBLE_OF_REJECTION,
    FailureSettings,
    Remedy,
    Trouble,
)
from daemon.errors import FailureKind, PermanentError, RejectReason, RetryableError


def test_every_reason_has_a_kind_and_every_kind_a_policy() -> None:
    """No failure can happen that nobody decided about, and no policy can be set that decides nothing."""
    tables = (TROUBLE_OF_REJECTION, ALERT_FAILURES.troubles, ACTION_FAILURES.troubles)
    used = {trouble for table in tables for trouble in table.values()}

    assert set(TROUBLE_OF_REJECTION) == set(RejectReason)
    assert set(ALERT_FAILURES.troubles) == set(ACTION_FAILURES.troubles) == set(FailureKind)
    assert used == set(Trouble)
    assert set(FailureSettings.model_fields) == {*map(str, Trouble), "alert_targets"}


@pytest.mark.parametrize(
    ("kind", "permanent", "expected"),
    [
        (FailureKind.TIMEOUT, False, True),
        (FailureKind.SERVER_ERROR, False, True),
        (FailureKind.UNREACHABLE, True, False),
        (FailureKind.ACCESS_DENIED, True, True),
        (FailureKind.NOT_FOUND, True, True),
        (FailureKind.REFUSED, True, False),
        (FailureKind.BUG, True, False),
    ],
)
def test_what_is_worth_another_try(kind: FailureKind, permanent: bool, expected: bool) -> None:  # noqa: FBT001 - a table
    """Unless configured otherwise: what may pass, and what people can mend; not what is gone, refused or our fault."""
    error = PermanentError(kind, "x") if permanent else RetryableError(kind, "x")

    assert FailureSettings().worth_repeating(ALERT_FAILURES, error, attempts=1, age=0.0) is expected


def test_an_action_that_was_refused_is_not_tried_again() -> None:
    """Its end is recorded: what an alert waits for does not help an action."""
    error = PermanentError(FailureKind.ACCESS_DENIED, "x")

    assert not FailureSettings().worth_repeating(ACTION_FAILURES, error, attempts=1, age=0.0)


def test_a_kind_may_have_narrower_limits() -> None:
    """Attempts and age of one kind end its retries, those of others are not concerned."""
    settings = FailureSettings.model_validate(
        {"target_down": {"max_attempts": 3}, "access_denied": {"max_age_seconds": 60}}
    )
    down = RetryableError(FailureKind.TIMEOUT, "x")
    denied = PermanentError(FailureKind.ACCESS_DENIED, "x")

    again = [settings.worth_repeating(ALERT_FAILURES, down, attempts, age=1e6) for attempts in (2, 3)]
    assert again == [True, False]
    again = [settings.worth_repeating(ALERT_FAILURES, denied, 100, age) for age in (59.0, 60.0)]
    assert again == [True, False]


def test_what_is_dropped_in_the_end() -> None:
    """Drop drops at once, retry drops what finally failed where told so, park never does."""
    settings = FailureSettings.model_validate(
        {
            "undecodable": {"do": "drop"},
            "target_down": {"drop_in_the_end": True},
            "bug": {"do": "park", "drop_in_the_end": True},
        }
    )

    assert settings.of_rejection(RejectReason.NOT_JSON).do is Remedy.DROP
    assert settings.of_rejection(RejectReason.NOT_JSON).finally_dropped
    assert settings.policy(Trouble.TARGET_DOWN).finally_dropped
    assert not settings.of_rejection(RejectReason.BUG).finally_dropped
