"""Starts instances that were stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.ec2.instances import IN_EVENT, instances_of, states_image
from daemon.actions.subject import FromEvent, Subject
from daemon.clients.estate import Reader, Writer


class StartInstancesConfig(ActionConfig):
    """Starts the instances that the event names, if they are stopped."""

    type: Literal["ec2.start-instances"]
    instance_ids: FromEvent = IN_EVENT
    """Where the event names them."""


class StartInstances(Action[StartInstancesConfig]):
    """Stopped instances run again; others stay as they are.  Undo stops them."""

    redo: ClassVar = Redo.REPEAT
    permissions: ClassVar = Permissions(
        read=("ec2:DescribeInstances",),
        write=("ec2:StartInstances",),
        undo=("ec2:StopInstances",),
        resources=("arn:aws:ec2:{region}:{account}:instance/*",),
    )
    undoable: ClassVar = True

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return instances_of(event, self.config.instance_ids)

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: the state of each instance, with all tags."""
        return await states_image(subject, api)

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        del subject
        stopped = [name for name, state in image["states"].items() if state == "stopped"]
        if not stopped:
            if any(state == "stopping" for state in image["states"].values()):
                return Declined(Decline.CHANGED, "still stopping")
            return Declined(Decline.ALREADY_RIGHT, "no instance is stopped")
        return Plan(
            summary=f"start {', '.join(stopped)}",
            changes=tuple(Change(name, "state", "stopped", "running") for name in stopped),
            before=image,
            after={**image, "states": {**image["states"], **dict.fromkeys(stopped, "running")}},
            tags=image["tags"],
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del subject, key
        await api.write("ec2", "start_instances", InstanceIds=[change.resource for change in plan.changes])
        return {}

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """See Action."""
        del subject, applied
        await api.write("ec2", "stop_instances", InstanceIds=[change.resource for change in plan.changes])
