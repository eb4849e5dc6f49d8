"""Takes snapshots of an instance's volumes, as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo, Verdict
from daemon.actions.config import ActionConfig
from daemon.actions.ec2.instances import IN_EVENT, describe, instances_of, tags_by
from daemon.actions.subject import FromEvent, Subject
from daemon.clients.estate import Reader, Writer

_TAG = "vigild:intent"
"""On every snapshot: what a crash cut off is found again by it."""


class SnapshotVolumesConfig(ActionConfig):
    """Snapshots every volume that is attached to the instance."""

    reads_tags: ClassVar = True
    type: Literal["ec2.snapshot-volumes"]
    instance_ids: FromEvent = IN_EVENT
    """Where the event names it."""
    cooldown_seconds: float = 3_600.0
    """After snapshots of an instance, how long no others are taken of it."""


class SnapshotVolumes(Action[SnapshotVolumesConfig]):
    """One snapshot a volume and intent, tagged with the intent's id; nothing on the instance changes.  There is no
    undo: evidence is for people to delete.
    """

    redo: ClassVar = Redo.REPEAT
    permissions: ClassVar = Permissions(
        read=("ec2:DescribeInstances", "ec2:DescribeSnapshots"),
        write=("ec2:CreateSnapshot", "ec2:CreateTags"),
        resources=("arn:aws:ec2:{region}:{account}:volume/*", "arn:aws:ec2:{region}::snapshot/*"),
    )

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return instances_of(event, self.config.instance_ids)

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: the attached volumes."""
        found = await describe(subject.resources, api)
        volumes = {
            mapping["Ebs"]["VolumeId"]: each["InstanceId"]
            for each in found
            for mapping in each.get("BlockDeviceMappings", ())
            if "Ebs" in mapping
        }
        return {"volumes": volumes, "tags": tags_by("InstanceId", found)} if found else None

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        if not image["volumes"]:
            return Declined(Decline.NOT_FOUND, "no volume is attached")
        return Plan(
            summary=f"snapshot the volumes of {', '.join(subject.resources)}",
            changes=tuple(Change(volume, "snapshot", None, "a new one") for volume in sorted(image["volumes"])),
            before=image,
            after=image,
            resource_tags=image["tags"],
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action: volumes that have this intent's snapshot already are passed over."""
        del subject
        found = await api.pages(
            "ec2", "describe_snapshots", "Snapshots", Filters=[{"Name": f"tag:{_TAG}", "Values": [key]}]
        )
        volumes = plan.before["volumes"]
        snapshots = {each["VolumeId"]: each["SnapshotId"] for each in found if each["VolumeId"] in volumes}
        for volume, instance in volumes.items():
            if volume not in snapshots:
                answer = await api.write(
                    "ec2",
                    "create_snapshot",
                    VolumeId=volume,
                    Description=f"vigild: {instance}",
                    TagSpecifications=[{"ResourceType": "snapshot", "Tags": [{"Key": _TAG, "Value": key}]}],
                )
                snapshots[volume] = answer["SnapshotId"]
        return {"snapshots": sorted(snapshots.values())}

    async def verify(self, subject: Subject, plan: Plan, applied: Image, api: Reader) -> Verdict:
        """See Action: begun is enough, a snapshot holds the moment at which it began."""
        del subject, plan
        found = await api.pages("ec2", "describe_snapshots", "Snapshots", SnapshotIds=applied["snapshots"])
        if any(snapshot["State"] == "error" for snapshot in found):
            return Verdict.FAILED
        return Verdict.SETTLED if len(found) == len(applied["snapshots"]) else Verdict.NOT_YET
