"""What the configuration of every target has, whatever kind it is: how long to try, when to stop trying, where to park.

sinks/ and actions/ derive their configurations from TargetConfig; dispatch/ reads the fields.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from daemon.retry import RetryPolicy
from daemon.yaml_file import Strict


class RetryConfig(Strict):
    """How long and how often an intent is tried again after failures that may pass; then it is parked."""

    max_age_seconds: float = Field(default=86_400.0, ge=0)
    """From the moment the event matched.  The default is EventBridge's."""
    max_attempts: int = Field(default=185, ge=1)
    """The default is EventBridge's.  Waiting while the target's breaker is open uses up none."""
    base_seconds: float = Field(default=0.5, gt=0, le=60)
    """The first wait is drawn from 0 to this, each later one from twice the range before."""
    cap_seconds: float = Field(default=60.0, gt=0, le=3_600)
    """No wait is drawn longer; what the target itself asks for counts."""

    def policy(self) -> RetryPolicy:
        """Return the policy for retry.py."""
        return RetryPolicy(self.base_seconds, self.cap_seconds, self.max_age_seconds, self.max_attempts)


class WhenOpen(StrEnum):
    """What becomes of intents while a target's breaker is open."""

    WAIT = "wait"  # stay unacknowledged
    PARK = "park"  # go to the dead-letter place, for a person to redrive


class WhenStateIsAway(StrEnum):
    """What becomes of intents that cannot be claimed because the state store is away."""

    WAIT = "wait"  # stay unacknowledged until it is back
    PROCEED = "proceed"  # go ahead: at least once instead of once


class BreakerConfig(Strict):
    """When a target is no longer called but tried: after failures in a row, until one try succeeds."""

    failures: int = Field(default=5, ge=1, le=1_000)
    """So many in a row open it; a success in between starts the count anew."""
    base_seconds: float = Field(default=5.0, gt=0, le=3_600)
    """The first try comes after half of this to all of it, each later one after twice the time."""
    cap_seconds: float = Field(default=300.0, gt=0, le=86_400)
    """No try comes later after the last one, unless the target itself asks for it."""
    when_open: WhenOpen = WhenOpen.WAIT
    """`wait`: intents stay unacknowledged; once `limits` are reached sources stop receiving, for all targets.  `park`:
    they go to the dead-letter place and other targets go on; redrive them later."""
    alert_after_seconds: float = Field(default=300.0, ge=0)
    """Open for so long, it raises an alert (`failures.alert_targets`).  Where the permission is missing, or the queue
    or topic, it does so at once."""


class TargetConfig(Strict):
    """What every target's configuration has."""

    type: str
    dead_letter: str = "default"
    """The place for intents that finally failed, one of `dead_letters`."""
    retry: RetryConfig = RetryConfig()
    """What is tried before an intent is parked; `failures` may set narrower limits for a kind of failure."""
    max_concurrency: int = Field(default=8, ge=1, le=256)
    """How many calls are under way to this target at the same time, counted until they are confirmed."""
