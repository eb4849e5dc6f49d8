"""Instances as the actions on them see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from daemon.actions.base import Image
from daemon.actions.subject import FromEvent, Subject, place_of, values_at
from daemon.clients.estate import Reader
from daemon.errors import FailureKind, PermanentError

INSTANCE_ID: Final = re.compile(r"i-[0-9a-f]{8,17}")
IN_EVENT: Final[tuple[str, ...]] = (
    "$.detail.instance-id",
    "$.detail.EC2InstanceId",
    "$.detail.requestParameters.instancesSet.items[*].instanceId",
    "$.detail.requestParameters.instanceId",
    "$.detail.resource.instanceDetails.instanceId",
)
"""EC2's state changes, Auto Scaling, CloudTrail's two shapes, GuardDuty."""


def instances_of(event: Mapping[str, Any], paths: FromEvent) -> Subject:
    """Return the instances that an event names, where it says they are.  Raises SubjectError."""
    account, region = place_of(event)
    return Subject(account, region, values_at(event, paths, INSTANCE_ID, "instance id"))


async def describe(instances: Sequence[str], api: Reader) -> list[dict[str, Any]]:
    """Return the instances that are there, in the order asked for; terminated ones are not."""
    reservations = await api.pages(
        "ec2",
        "describe_instances",
        "Reservations",
        Filters=[{"Name": "instance-id", "Values": list(instances)}],
    )
    found = {instance["InstanceId"]: instance for each in reservations for instance in each.get("Instances", ())}
    strays = found.keys() - set(instances)
    if strays:
        raise PermanentError(FailureKind.REFUSED, f"EC2 answered with instances that were not asked for: {len(strays)}")
    return [found[name] for name in instances if name in found and found[name]["State"]["Name"] != "terminated"]


async def states_image(subject: Subject, api: Reader) -> Image | None:
    """Return the state of each of the subject's instances, with its tags; None where none is there."""
    found = await describe(subject.resources, api)
    states = {each["InstanceId"]: each["State"]["Name"] for each in found}
    return {"states": states, "tags": tags_by("InstanceId", found)} if states else None


def tags_by(identifier: str, found: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return each resource's tags by its id, which EC2 gives under this name."""
    return {each[identifier]: {tag["Key"]: tag["Value"] for tag in each.get("Tags", ())} for each in found}
