"""What dispatch/ expects of a sink.  One file a sink: its Config and its class; the table is in __init__.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic import ConfigDict, Field

from daemon.clients import AwsClients, Secrets
from daemon.clock import Clock
from daemon.event import Event
from daemon.grants import Grant, Place
from daemon.sinks.grouping import GroupConfig
from daemon.target_config import BreakerConfig, TargetConfig, WhenStateIsAway


class Severity(StrEnum):
    """How much a match matters, least first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Incident:
    """What an alert means for its incident, at services that keep incidents."""

    key: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert for one target."""

    key: str
    """The idempotency key: the same at every attempt, by every process; 32 hexadecimal digits."""
    rule: str
    severity: Severity
    description: str
    event: Event
    body: bytes
    """What to send: the input transformer's output, else the JSON object that daemon/dispatch/notices.py describes."""
    content_type: str
    """Of `body`: application/json or text/plain."""
    subject: str
    """One line for people, without control characters, of fewer than 100 characters (the limit of SNS)."""
    incident: Incident | None = None
    """Of the group of alerts that this one tells of; see daemon/dispatch/alerts/."""


class SinkConfig(TargetConfig):
    """What every sink's configuration has.  Errors do not quote what was given: it may be a secret."""

    model_config = ConfigDict(hide_input_in_errors=True)

    min_severity: Severity = Severity.INFO
    """Alerts of less are counted and not sent."""
    group: GroupConfig | None = None
    """Gathers alerts into groups that are told of as one; without it, each alert is sent by itself."""
    breaker: BreakerConfig = BreakerConfig()
    """When it is no longer called."""
    when_state_is_away: WhenStateIsAway = WhenStateIsAway.WAIT
    """While the state store does not answer: `wait`, or `proceed` and risk that an alert is sent twice."""
    timeout_seconds: float = Field(default=10.0, gt=0, le=300)
    """For one attempt, from connecting to the last byte of the answer."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """Return what it needs from IAM: nothing, unless it calls AWS."""
        del place
        return ()


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink is given beside its name and configuration."""

    clock: Clock
    aws: AwsClients
    secrets: Secrets


class Sink(Protocol):
    """Life: open, then send concurrently (up to max_concurrency), then close."""

    async def open(self) -> None:
        """Make clients, open files.  Raises EffectError when that cannot be done now; dispatch/ repeats it."""

    async def send(self, notice: Notice) -> None:
        """Return once the other side has taken the notice for good (written and flushed, or answered 2xx).

        One attempt: no retries inside.  Raises RetryableError (dispatch/ waits and calls again, at least the error's
        `delay`) or PermanentError (the notice is parked).  Must be safe to repeat after a crash: the other side gets
        `notice.key` wherever its protocol has a place for it.
        """

    async def check(self) -> str:
        """Reach the target without sending anything; return a line that says what is there.  Raises EffectError."""

    async def close(self) -> None:
        """Let go of everything."""
