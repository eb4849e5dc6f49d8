"""Starts instances that were stopped."""

from __future__ import annotations

from typing import ClassVar, Literal

from daemon.actions.base import Permissions
from daemon.actions.ec2.switching import Switching, SwitchingConfig


class StartInstancesConfig(SwitchingConfig):
    """Starts the instances that the event names, if they are stopped."""

    reads_tags: ClassVar = True
    type: Literal["ec2.start-instances"]


class StartInstances(Switching[StartInstancesConfig]):
    """Stopped instances run again; others stay as they are.  Undo stops them."""

    wrong: ClassVar = ("stopped",)
    right: ClassVar = "running"
    verb: ClassVar = "start"
    calls: ClassVar = ("start_instances", "stop_instances")
    permissions: ClassVar = Permissions(
        read=("ec2:DescribeInstances",),
        write=("ec2:StartInstances",),
        undo=("ec2:StopInstances",),
        resources=("arn:aws:ec2:{region}:{account}:instance/*",),
    )
