"""Cuts an instance off: its network interfaces get the quarantine group instead of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.ec2.instances import IN_EVENT, describe, instances_of, tags_by
from daemon.actions.subject import FromEvent, Subject
from daemon.clients.estate import Reader, Writer
from daemon.text_form import TextForm
from daemon.yaml_file import Strict

GroupId = Annotated[str, TextForm(r"^sg-[0-9a-f]{8,17}$", "the id of a security group", "sg-0123456789abcdef0")]
VpcId = Annotated[str, TextForm(r"^vpc-[0-9a-f]{8,17}$", "the id of a VPC", "vpc-0123456789abcdef0")]


class QuarantineConfig(Strict):
    """A group without rules, in each VPC."""

    groups: dict[VpcId, GroupId]
    """The quarantine group by VPC: a group belongs to one VPC.  An event never chooses it."""


class IsolateInstanceConfig(ActionConfig):
    """Puts every network interface of the instance into the quarantine group of its VPC, and into no other."""

    reads_tags: ClassVar = True
    type: Literal["ec2.isolate-instance"]
    instance_ids: FromEvent = IN_EVENT
    """Where the event names it."""
    quarantine: QuarantineConfig
    """Where it is put."""


class IsolateInstance(Action[IsolateInstanceConfig]):
    """The instance keeps running, for those who look into it, but nobody reaches it and it reaches nobody; connections
    that are tracked already may live on for a while.  Undo puts the old groups back.
    """

    redo: ClassVar = Redo.LOOK
    permissions: ClassVar = Permissions(
        read=("ec2:DescribeInstances",),
        write=("ec2:ModifyNetworkInterfaceAttribute",),
        undo=("ec2:ModifyNetworkInterfaceAttribute",),
        resources=(
            "arn:aws:ec2:{region}:{account}:network-interface/*",
            "arn:aws:ec2:{region}:{account}:security-group/*",
        ),
    )
    undoable: ClassVar = True

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return instances_of(event, self.config.instance_ids)

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: the groups of every interface."""
        found = await describe(subject.resources, api)
        interfaces = {
            interface["NetworkInterfaceId"]: {
                "vpc": interface["VpcId"],
                "instance": each["InstanceId"],
                "groups": sorted(group["GroupId"] for group in interface["Groups"]),
            }
            for each in found
            for interface in each.get("NetworkInterfaces", ())
        }
        return {"interfaces": interfaces, "tags": tags_by("InstanceId", found)} if interfaces else None

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        after: dict[str, Any] = {}
        for name, interface in image["interfaces"].items():
            quarantine = self.config.quarantine.groups.get(interface["vpc"])
            if quarantine is None:
                return Declined(Decline.PROTECTED, f"no quarantine group is configured for {interface['vpc']}")
            after[name] = {**interface, "groups": [quarantine]}
        changed = [name for name in after if after[name] != image["interfaces"][name]]
        if not changed:
            return Declined(Decline.ALREADY_RIGHT, "isolated already")
        return Plan(
            summary=f"isolate {', '.join(subject.resources)}",
            changes=tuple(
                Change(name, "groups", image["interfaces"][name]["groups"], after[name]["groups"]) for name in changed
            ),
            before=image,
            after={**image, "interfaces": after},
            resource_tags=image["tags"],
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del subject, key
        for change in plan.changes:
            await _put(change.resource, change.after, api)
        return {}

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """See Action."""
        del subject, applied
        for name, interface in plan.before["interfaces"].items():
            if interface != plan.after["interfaces"].get(name):
                await _put(name, interface["groups"], api)


async def _put(interface: str, groups: list[str], api: Writer) -> None:
    await api.write("ec2", "modify_network_interface_attribute", NetworkInterfaceId=interface, Groups=groups)
