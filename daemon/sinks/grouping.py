"""How a target's alerts are gathered into groups: a field of every sink's configuration; dispatch/alerts/ gathers.

The words are Alertmanager's, for alerts that are events: nothing says that an event is over, so a group closes when it
has been quiet for a time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from daemon.json_path import JsonPath
from daemon.sinks.event_path import EventPath
from daemon.yaml_file import Strict

WORDS = ("rule", "severity", "account", "region", "resource", "source", "detail-type")


def _check_key(text: str) -> str:
    if text in WORDS:
        return text
    if not text.startswith("$"):
        raise ValueError(f"{text!r}: expected one of {', '.join(WORDS)}, or a path such as $.detail.userIdentity.arn")
    JsonPath(text)
    return text


GroupKey = Annotated[str, AfterValidator(_check_key)]
"""One of WORDS, or a path into the event."""


class ClosingNote(StrEnum):
    """Whether a group says that it closes."""

    ALWAYS = "always"
    SEVERAL = "several"
    NEVER = "never"


class GroupConfig(Strict):
    """Gathers a target's alerts by keys: the first alert and those that come within `wait_seconds` are told together,
    what is new later after `interval_seconds`, and more of the same, as counts, at intervals that double.
    """

    by: tuple[GroupKey, ...] = ("rule", "account")
    """Alerts that agree in all of these are one group: `rule`, `severity`, `account`, `region`, `resource`, `source`,
    `detail-type`, or a path into the event, `$.detail.eventName`; [] makes one group of all."""
    resource: EventPath | None = None
    """Where the event says what it is about, `$.detail.requestParameters.groupId`; without it, its first resource."""
    wait_seconds: float = Field(default=30.0, ge=0, le=3_600)
    """From a group's first alert to its first note, for others to join."""
    interval_seconds: float = Field(default=300.0, ge=1, le=86_400)
    """Between two notes, where alerts came that differ (rule, account, region, resource) from all before."""
    repeat_seconds: float = Field(default=3_600.0, ge=1, le=604_800)
    """Between two notes that only count more of the same; it doubles with each."""
    longest_repeat_seconds: float = Field(default=86_400.0, ge=1, le=2_592_000)
    """Where the doubling ends."""
    close_after_seconds: float = Field(default=3_600.0, ge=1, le=2_592_000)
    """A group that saw no alert for so long is closed; a later alert opens another one."""
    closing_note: ClosingNote = ClosingNote.SEVERAL
    """Tell that a group is closed, which also resolves its incident at PagerDuty, Opsgenie and Alertmanager: `always`,
    where it was of `several` alerts, or `never`."""
    max_groups: int = Field(default=1_000, ge=1, le=10_000)
    """Open at the same time, about 5 KB each in memory and in the state store (with large events up to 150 KB); beyond
    that, alerts of further keys share one group."""

    @model_validator(mode="after")
    def _closes_after_its_first_note(self) -> Self:
        if self.close_after_seconds < self.wait_seconds:
            raise ValueError("close_after_seconds must not be less than wait_seconds")
        return self
