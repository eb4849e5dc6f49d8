"""What vigild can do to an estate, one verb a file; dispatch/remediation/ builds actions by their `type`.

To add an action:

1. a file <service>/<verb>.py; its `type:` is "<service>.<verb>", with dashes for underscores;
2. XConfig(ActionConfig): `type: Literal["<service>.<verb>"]`, where its values stand in an event (FromEvent, with the
   shapes that AWS sends as default), its own options with bounds, a docstring for each;
3. X(Action[XConfig]), or a base that fits (calling.py, putting.py): redo, permissions, undoable, and the methods of
   base.Action; look as narrowly as possible, decide without I/O, change nothing beside what the plan names;
4. a line in ACTIONS below;
5. a bad state in tests/actions/cases.py, over which tests/actions/test_contract.py runs what every action promises, and
   tests/actions/<service>/test_<verb>.py: whole resource before and after, changed since, hostile subject;
6. an entry in CHANGELOG.md; docs/actions.md is generated from the docstrings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from daemon.actions.base import Action
from daemon.actions.cloudtrail.start_logging import StartLogging, StartLoggingConfig
from daemon.actions.config import ActionConfig
from daemon.actions.config_.start_recorder import StartRecorder, StartRecorderConfig
from daemon.actions.ec2.isolate_instance import IsolateInstance, IsolateInstanceConfig
from daemon.actions.ec2.restrict_ingress import RestrictIngress, RestrictIngressConfig
from daemon.actions.ec2.snapshot_volumes import SnapshotVolumes, SnapshotVolumesConfig
from daemon.actions.ec2.start_instances import StartInstances, StartInstancesConfig
from daemon.actions.ec2.stop_instances import StopInstances, StopInstancesConfig
from daemon.actions.events.put_events import PutEvents, PutEventsConfig
from daemon.actions.iam.attach_deny_policy import AttachDenyPolicy, AttachDenyPolicyConfig
from daemon.actions.iam.deactivate_access_key import DeactivateAccessKey, DeactivateAccessKeyConfig
from daemon.actions.iam.revoke_sessions import RevokeSessions, RevokeSessionsConfig
from daemon.actions.kms.cancel_key_deletion import CancelKeyDeletion, CancelKeyDeletionConfig
from daemon.actions.lambda_.invoke import Invoke, InvokeConfig
from daemon.actions.s3.block_public_access import BlockPublicAccess, BlockPublicAccessConfig
from daemon.actions.s3.make_acl_private import MakeAclPrivate, MakeAclPrivateConfig
from daemon.actions.s3.make_object_private import MakeObjectPrivate, MakeObjectPrivateConfig
from daemon.actions.s3.restore_object import RestoreObject, RestoreObjectConfig
from daemon.actions.ssm.run_document import RunDocument, RunDocumentConfig
from daemon.actions.ssm.start_automation import StartAutomation, StartAutomationConfig
from daemon.actions.states.start_execution import StartExecution, StartExecutionConfig
from daemon.actions.waf.block_ip import BlockIp, BlockIpConfig

__all__ = ("ACTIONS", "ActionKind", "AnyActionConfig", "build")


@dataclass(frozen=True, slots=True)
class ActionKind:
    """What belongs to one `type`."""

    config: type[ActionConfig]
    action: type[Action[Any]]
    """Called with an instance of `config`."""


ACTIONS = {
    "cloudtrail.start-logging": ActionKind(StartLoggingConfig, StartLogging),
    "config.start-recorder": ActionKind(StartRecorderConfig, StartRecorder),
    "ec2.isolate-instance": ActionKind(IsolateInstanceConfig, IsolateInstance),
    "ec2.restrict-ingress": ActionKind(RestrictIngressConfig, RestrictIngress),
    "ec2.snapshot-volumes": ActionKind(SnapshotVolumesConfig, SnapshotVolumes),
    "ec2.start-instances": ActionKind(StartInstancesConfig, StartInstances),
    "ec2.stop-instances": ActionKind(StopInstancesConfig, StopInstances),
    "events.put-events": ActionKind(PutEventsConfig, PutEvents),
    "iam.attach-deny-policy": ActionKind(AttachDenyPolicyConfig, AttachDenyPolicy),
    "iam.deactivate-access-key": ActionKind(DeactivateAccessKeyConfig, DeactivateAccessKey),
    "iam.revoke-sessions": ActionKind(RevokeSessionsConfig, RevokeSessions),
    "kms.cancel-key-deletion": ActionKind(CancelKeyDeletionConfig, CancelKeyDeletion),
    "lambda.invoke": ActionKind(InvokeConfig, Invoke),
    "s3.block-public-access": ActionKind(BlockPublicAccessConfig, BlockPublicAccess),
    "s3.make-acl-private": ActionKind(MakeAclPrivateConfig, MakeAclPrivate),
    "s3.make-object-private": ActionKind(MakeObjectPrivateConfig, MakeObjectPrivate),
    "s3.restore-object": ActionKind(RestoreObjectConfig, RestoreObject),
    "ssm.run-document": ActionKind(RunDocumentConfig, RunDocument),
    "ssm.start-automation": ActionKind(StartAutomationConfig, StartAutomation),
    "states.start-execution": ActionKind(StartExecutionConfig, StartExecution),
    "waf.block-ip": ActionKind(BlockIpConfig, BlockIp),
}


if TYPE_CHECKING:
    AnyActionConfig = ActionConfig
else:
    AnyActionConfig = Annotated[reduce(or_, (kind.config for kind in ACTIONS.values())), Field(discriminator="type")]
    """Any action's configuration, told apart by `type`."""


def build(config: ActionConfig) -> Action[Any]:
    """Return the action that the configuration describes."""
    return ACTIONS[config.type].action(config)
