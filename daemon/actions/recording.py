"""What starting a trail and starting a configuration recorder have in common: it does not record, and then it does."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from daemon.actions.base import Change, Decline, Declined, Image, Plan
from daemon.actions.config import ActionConfig
from daemon.actions.putting import Putting
from daemon.actions.subject import Subject
from daemon.clients.estate import Writer

ConfigT = TypeVar("ConfigT", bound=ActionConfig)


class Recording(Putting[ConfigT]):
    """Base of both: `look` gives {"recording": bool} of the subject's one resource, and its value "name" names it."""

    service: ClassVar[str]
    calls: ClassVar[tuple[str, str]]
    """To start and to stop, by their Python names."""
    name_parameter: ClassVar[str]
    """Of both calls."""

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        (resource,) = subject.resources
        if image["recording"]:
            return Declined(Decline.ALREADY_RIGHT, "it records")
        change = Change(resource, "recording", before=False, after=True)
        return Plan(summary=f"start {resource}", changes=(change,), before=image, after={"recording": True})

    async def put(self, subject: Subject, image: Image, api: Writer) -> None:
        """See Putting."""
        call = self.calls[0] if image["recording"] else self.calls[1]
        await api.write(self.service, call, **{self.name_parameter: subject.values["name"]})
