"""What is done about a failure, by its kind: the one place where every reason of errors.py gets its consequence.

executor.py asks about effects, pipeline/ about what cannot be read.  The kinds are few and closed, so that a person can
set a policy for each; the reasons under them stay as fine as metrics and dead letters need them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from daemon.errors import EffectError, FailureKind, PermanentError, RejectReason
from daemon.yaml_file import Strict


class Trouble(StrEnum):
    """A kind of failure that a policy can be set for."""

    UNDECODABLE = "undecodable"  # bytes that are no event
    SOURCE_UNKNOWN = "source_unknown"  # JSON that nothing known to us sends
    OBJECT_MISSING = "object_missing"  # a queue, topic, object or page that is not there
    ACCESS_DENIED = "access_denied"  # no permission, or no credentials
    TARGET_REJECTS = "target_rejects"  # an answer that repeating cannot change
    TARGET_DOWN = "target_down"  # no answer, throttled, or a fault of the other side
    ACTION_FAILED = "action_failed"  # AWS refused what an action asked for
    BUG = "bug"  # our own code failed


TROUBLE_OF_REJECTION: Mapping[RejectReason, Trouble] = {
    **dict.fromkeys(RejectReason, Trouble.UNDECODABLE),
    RejectReason.UNKNOWN_SHAPE: Trouble.SOURCE_UNKNOWN,
    RejectReason.BUG: Trouble.BUG,
}


@dataclass(frozen=True, slots=True)
class FailureTable:
    """What the failures of one kind of effect mean."""

    troubles: Mapping[FailureKind, Trouble]
    patient: frozenset[Trouble] = frozenset()
    """Worth another try even after a PermanentError, because people mend it."""


_TROUBLES = {
    FailureKind.UNREACHABLE: Trouble.TARGET_DOWN,
    FailureKind.TIMEOUT: Trouble.TARGET_DOWN,
    FailureKind.THROTTLED: Trouble.TARGET_DOWN,
    FailureKind.SERVER_ERROR: Trouble.TARGET_DOWN,
    FailureKind.STATE: Trouble.TARGET_DOWN,
    FailureKind.CREDENTIALS: Trouble.ACCESS_DENIED,
    FailureKind.ACCESS_DENIED: Trouble.ACCESS_DENIED,
    FailureKind.NOT_FOUND: Trouble.OBJECT_MISSING,
    FailureKind.REFUSED: Trouble.TARGET_REJECTS,
    FailureKind.BUG: Trouble.BUG,
}
ALERT_FAILURES = FailureTable(_TROUBLES, frozenset({Trouble.ACCESS_DENIED, Trouble.OBJECT_MISSING}))
ACTION_FAILURES = FailureTable({**_TROUBLES, FailureKind.REFUSED: Trouble.ACTION_FAILED})
"""Not patient: what an action's call was refused for is recorded as its end."""
UNDO_FAILURES = FailureTable(ACTION_FAILURES.troubles, frozenset({Trouble.ACCESS_DENIED}))
"""Patient: what was to end after its time is still there."""


class Remedy(StrEnum):
    """What is done about a failure."""

    RETRY = "retry"
    PARK = "park"
    DROP = "drop"


class FailurePolicy(Strict):
    """What is done about one kind of failure."""

    do: Remedy
    """`retry`: try again with back-off and jitter until the target's `retry` or the limits here are used up, then park.
    `park`: put it into the dead-letter place at once.  `drop`: count it and go on."""
    max_attempts: int | None = Field(default=None, ge=1)
    """With retry: no more than these, where the target's own limit is wider."""
    max_age_seconds: float | None = Field(default=None, ge=0)
    """With retry: no longer than this, where the target's own limit is wider."""
    drop_in_the_end: bool = False
    """With retry: drop what finally failed instead of parking it."""

    @property
    def finally_dropped(self) -> bool:
        """Whether what is not tried again is dropped rather than parked."""
        return self.do is Remedy.DROP or (self.do is Remedy.RETRY and self.drop_in_the_end)


class RetryFirst(FailurePolicy):
    """Tried again unless told otherwise."""

    do: Remedy = Remedy.RETRY


class ParkAtOnce(FailurePolicy):
    """Parked unless told otherwise."""

    do: Remedy = Remedy.PARK


class FailureSettings(Strict):
    """What is done about each kind of failure."""

    undecodable: ParkAtOnce = ParkAtOnce()
    """Bytes that are no event.  Retry gives the message back to its queue, for as many deliveries as max_attempts (5);
    sources that do not deliver again (files, streams) park it."""
    source_unknown: ParkAtOnce = ParkAtOnce()
    """JSON objects of no known shape, where `limits.unknown_json` rejects them.  Retry as above."""
    object_missing: RetryFirst = RetryFirst()
    """A queue, topic or page that is not there: it may be made again."""
    access_denied: RetryFirst = RetryFirst()
    """No permission, or no credentials: both may be given while the daemon waits."""
    target_rejects: ParkAtOnce = ParkAtOnce()
    """A target's answer that repeating cannot change, such as HTTP 400."""
    target_down: RetryFirst = RetryFirst()
    """No answer, too many requests, or a fault of the target."""
    action_failed: ParkAtOnce = ParkAtOnce()
    """AWS refused what an action asked for."""
    bug: ParkAtOnce = ParkAtOnce()
    """A fault in vigild."""

    alert_targets: tuple[str, ...] = ()
    """Targets that get an alert when another target is no longer called.  Without it, the log and the metrics tell."""

    def policy(self, trouble: Trouble) -> FailurePolicy:
        """Return what is done about a kind of failure."""
        found: FailurePolicy = getattr(self, trouble.value)
        return found

    def of_rejection(self, reason: RejectReason) -> FailurePolicy:
        """Return what is done about bytes that cannot be read."""
        return self.policy(TROUBLE_OF_REJECTION[reason])

    def of_failure(self, table: FailureTable, error: EffectError) -> FailurePolicy:
        """Return what is done about an effect that failed."""
        return self.policy(table.troubles[error.kind])

    def worth_repeating(self, table: FailureTable, error: EffectError, attempts: int, age: float) -> bool:
        """Return whether to try again, after so many attempts in so many seconds."""
        policy = self.of_failure(table, error)
        return (
            policy.do is Remedy.RETRY
            and (not isinstance(error, PermanentError) or table.troubles[error.kind] in table.patient)
            and (policy.max_attempts is None or attempts < policy.max_attempts)
            and (policy.max_age_seconds is None or age < policy.max_age_seconds)
        )
