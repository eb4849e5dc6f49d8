"""Stops instances that run."""

from __future__ import annotations

from typing import ClassVar, Literal

from daemon.actions.base import Permissions
from daemon.actions.ec2.switching import Switching, SwitchingConfig


class StopInstancesConfig(SwitchingConfig):
    """Stops the instances that the event names, if they run."""

    reads_tags: ClassVar = True
    type: Literal["ec2.stop-instances"]


class StopInstances(Switching[StopInstancesConfig]):
    """Running instances stop; others stay as they are.  Undo starts them."""

    wrong: ClassVar = ("running", "pending")
    right: ClassVar = "stopped"
    verb: ClassVar = "stop"
    calls: ClassVar = ("stop_instances", "start_instances")
    permissions: ClassVar = Permissions(
        read=("ec2:DescribeInstances",),
        write=("ec2:StopInstances",),
        undo=("ec2:StartInstances",),
        resources=("arn:aws:ec2:{region}:{account}:instance/*",),
    )
