"""What starting and stopping instances have in common: from some states into another, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from daemon.actions.base import Action, Change, Decline, Declined, Image, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.ec2.instances import IN_EVENT, instances_of, states_image
from daemon.actions.subject import FromEvent, Subject
from daemon.clients.estate import Reader, Writer


class SwitchingConfig(ActionConfig):
    """Which instances."""

    instance_ids: FromEvent = IN_EVENT
    """Where the event names them."""


ConfigT = TypeVar("ConfigT", bound=SwitchingConfig)


class Switching(Action[ConfigT]):
    """Base of both: instances in one of `wrong` are brought to `right`; others stay as they are."""

    wrong: ClassVar[tuple[str, ...]]
    """The states that it acts on; undo goes back to the first."""
    right: ClassVar[str]
    verb: ClassVar[str]
    """For people: "start"."""
    calls: ClassVar[tuple[str, str]]
    """There and back, by their Python names."""
    redo: ClassVar = Redo.LOOK
    undoable: ClassVar = True

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return instances_of(event, self.config.instance_ids)

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: the state of each instance, with its tags."""
        return await states_image(subject, api)

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        del subject
        found = [name for name, state in image["states"].items() if state in self.wrong]
        if not found:
            if "stopping" in image["states"].values():
                return Declined(Decline.CHANGED, "still stopping")
            return Declined(Decline.ALREADY_RIGHT, f"no instance is {self.wrong[0]}")
        return Plan(
            summary=f"{self.verb} {', '.join(found)}",
            changes=tuple(Change(name, "state", image["states"][name], self.right) for name in found),
            before=image,
            after={**image, "states": {**image["states"], **dict.fromkeys(found, self.right)}},
            resource_tags=image["tags"],
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del subject, key
        await api.write("ec2", self.calls[0], InstanceIds=[change.resource for change in plan.changes])
        return {}

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """See Action."""
        del subject, applied
        now = plan.after["states"]
        switched = [name for name, state in plan.before["states"].items() if now.get(name) != state]
        await api.write("ec2", self.calls[1], InstanceIds=switched)
