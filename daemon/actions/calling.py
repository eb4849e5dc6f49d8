"""What the actions have in common that hand an event on instead of changing a resource.

Each event is a subject of its own: they neither cool down nor count as touches of what they call, unless told to.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import Field

from daemon.actions.base import Action, Change, Declined, Image, Plan, Verdict
from daemon.actions.config import ActionConfig
from daemon.actions.subject import Subject, SubjectError
from daemon.clients.estate import Reader

_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<name>.+)")


class CallingConfig(ActionConfig):
    """Defaults of actions that hand events on."""

    cooldown_seconds: float = Field(default=0.0, ge=0, le=86_400)
    """How long the same callee is left alone after a call."""
    notify: tuple[str, ...] | None = ()
    """Targets that are told of every outcome; without it, none."""
    touches_per_hour: int = Field(default=1_000, ge=1)
    """A rule that calls the callee more often than this in an hour is suspended until a person resumes it."""


CallingConfigT = TypeVar("CallingConfigT", bound=CallingConfig)


class Calling(Action[CallingConfigT]):
    """Base of these actions: one callee, which the configuration names and no event can choose."""

    verb: ClassVar[str]
    """What is done with the event, for people: "invoke"."""

    @property
    @abstractmethod
    def callee(self) -> str:
        """The ARN of what gets the event."""

    @property
    def acts_on(self) -> tuple[str, ...]:
        """See Action: the callee alone."""
        return (self.callee,)

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action: the callee, and the event to hand on."""
        place = _ARN.fullmatch(self.callee)
        if place is None:
            raise SubjectError(f"not an ARN with account and region: {self.callee}")
        return Subject(place["account"], place["region"], (self.callee,), {"event": event})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: there is nothing to look at."""
        del subject, api
        return _NOTHING

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action: there is always something to do."""
        del image
        name = str(subject.values["event"].get("id", ""))[:64]
        change = Change(self.callee, self.verb, None, f"event {name}" if name else "the event")
        return Plan(summary=f"{self.verb} {self.callee}", changes=(change,), before=_NOTHING, after=_NOTHING)

    async def verify(self, subject: Subject, plan: Plan, applied: Image, api: Reader) -> Verdict:
        """See Action: what has taken the event has taken it."""
        del subject, plan, applied, api
        return Verdict.SETTLED


_NOTHING: Image = {}
