"""For every type of action: a bad state in an emulated estate, the event that tells of it, one of what is not there.

test_contract.py holds every action to what all promise.  To add an action: a function here, a line in CASES.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.actions.iam.revoke_sessions import POLICY_NAME
from daemon.clients import AwsClients
from tests.actions.acting import ACCOUNT, event_of
from tests.actions.ssm.automations import RUNBOOK
from tests.e2e.estates import make_function, make_group, make_stopped_instance, open_ports
from tests.emulators import REGION

NO_INSTANCE = "i-0123456789abcdef0"
KEY = "a/b c.txt"
EVERYBODY = "public-read"


Missing = tuple[dict[str, Any], dict[str, Any]]
"""Options and an event that lead to what is not there."""


@dataclass(frozen=True, slots=True)
class Case:
    """One bad state."""

    options: dict[str, Any]
    """Of the action, without its type."""
    event: dict[str, Any]
    missing: Missing | None
    """None where the emulator does not tell."""
    settles: bool = True
    """Once done there is nothing left to do: else it is done for every event."""
    versioned: bool = False
    """The calls name a version of an object, which takes permissions of its own."""


def _named(options: Mapping[str, Any], field: str, there: str, gone: str, **kwargs: Any) -> Case:
    """Return a case whose event names something in a field of CloudTrail's request."""
    event, missing = (event_of(requestParameters={field: name}) for name in (there, gone))
    return Case(dict(options), event, (dict(options), missing), **kwargs)


async def trail(aws: AwsClients) -> Sequence[Case]:
    """A trail that does not log."""
    s3, trails = await aws.client("s3", REGION), await aws.client("cloudtrail", REGION)
    bucket, name = f"trail-{uuid.uuid4()}", f"trail-{uuid.uuid4().hex[:8]}"
    await s3.create_bucket(Bucket=bucket)
    await trails.create_trail(Name=name, S3BucketName=bucket)
    return [_named({}, "name", name, "gone")]


async def recorder(aws: AwsClients) -> Sequence[Case]:
    """A recorder that does not record."""
    config = await aws.client("config", REGION)
    role = f"arn:aws:iam::{ACCOUNT}:role/config"
    await config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": role})
    await config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "bucket"})
    await config.stop_configuration_recorder(ConfigurationRecorderName="default")
    return [_named({}, "configurationRecorderName", "default", "gone")]


async def exposed_instance(aws: AwsClients) -> Sequence[Case]:
    """An instance, and a quarantine group in its VPC."""
    instance = await make_stopped_instance(aws)
    ec2 = await aws.client("ec2", REGION)
    found = (await ec2.describe_instances(InstanceIds=[instance]))["Reservations"][0]["Instances"][0]
    made = await ec2.create_security_group(GroupName=str(uuid.uuid4()), Description="q", VpcId=found["VpcId"])
    return [_of_instance({"quarantine": {"groups": {found["VpcId"]: made["GroupId"]}}}, instance)]


def _of_instance(options: dict[str, Any], instance: str, **kwargs: Any) -> Case:
    event, missing = (event_of(**{"instance-id": name}) for name in (instance, NO_INSTANCE))
    return Case(options, event, (options, missing), **kwargs)


async def open_group(aws: AwsClients) -> Sequence[Case]:
    """A group with port 22 open to the world."""
    group = await make_group(aws, str(uuid.uuid4()))
    await open_ports(aws, group, 20, 25, "0.0.0.0/0")
    return [_named({"port": 22, "allowed": ["10.0.0.0/8"]}, "groupId", group, "sg-0123456789abcdef0")]


async def stopped_instance(aws: AwsClients) -> Sequence[Case]:
    """An instance that does not run."""
    return [_of_instance({}, await make_stopped_instance(aws))]


async def running_instance(aws: AwsClients) -> Sequence[Case]:
    """An instance that runs."""
    return [_of_instance({}, await _running(aws))]


async def _running(aws: AwsClients) -> str:
    instance = await make_stopped_instance(aws)
    await (await aws.client("ec2", REGION)).start_instances(InstanceIds=[instance])
    return instance


async def suspect_instance(aws: AwsClients) -> Sequence[Case]:
    """An instance with a volume: evidence is taken for every event."""
    return [_of_instance({}, await make_stopped_instance(aws), settles=False)]


async def patchable_instance(aws: AwsClients) -> Sequence[Case]:
    """An instance that takes commands: one is sent for every event."""
    options = {"document": "AWS-RunShellScript", "parameters": {"commands": ["yum -y update"]}}
    return [_of_instance(options, await _running(aws), settles=False)]


async def bus(aws: AwsClients) -> Sequence[Case]:
    """The bus that every account has."""
    del aws
    options = {"bus_arn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"}
    return [Case(options, event_of(), None, settles=False)]


async def user(aws: AwsClients) -> Sequence[Case]:
    """A user who may do what policies say."""
    name, _ = await _user(aws)
    iam = await aws.client("iam", REGION)
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
    made = await iam.create_policy(PolicyName=f"deny-{uuid.uuid4().hex[:8]}", PolicyDocument=document)
    return [_named({"policy_arn": made["Policy"]["Arn"]}, "userName", name, "nobody")]


async def access_key(aws: AwsClients) -> Sequence[Case]:
    """A user with an active key."""
    name, key = await _user(aws)
    event, missing = (event_of(requestParameters={"userName": n, "accessKeyId": key}) for n in (name, "nobody"))
    return [Case({}, event, ({}, missing))]


async def _user(aws: AwsClients) -> tuple[str, str]:
    iam = await aws.client("iam", REGION)
    name = f"user-{uuid.uuid4().hex[:12]}"
    await iam.create_user(UserName=name)
    return name, (await iam.create_access_key(UserName=name))["AccessKey"]["AccessKeyId"]


async def roles(aws: AwsClients) -> Sequence[Case]:
    """A role whose sessions were never revoked, and one whose older ones were."""
    iam = await aws.client("iam", REGION)
    names = [f"role-{uuid.uuid4().hex[:12]}" for _ in range(2)]
    for name in names:
        await iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": []}))
    condition = {"DateLessThan": {"aws:TokenIssueTime": "2025-01-01T00:00:00Z"}}
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await iam.put_role_policy(RoleName=names[1], PolicyName=POLICY_NAME, PolicyDocument=document)
    at = "2026-01-01T00:00:00Z"
    events = [event_of(requestParameters={"roleName": name}, eventTime=at) for name in (*names, "gone")]
    return [Case({}, event, ({}, events[-1])) for event in events[:2]]


async def doomed_key(aws: AwsClients) -> Sequence[Case]:
    """A key that will be deleted."""
    kms = await aws.client("kms", REGION)
    key = (await kms.create_key())["KeyMetadata"]["KeyId"]
    await kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return [_named({}, "keyId", key, str(uuid.UUID(int=7)))]


async def function(aws: AwsClients) -> Sequence[Case]:
    """A function that echoes."""
    arn = await make_function(aws)
    return [Case({"function_arn": arn}, event_of(), None, settles=False)]


async def open_bucket(aws: AwsClients) -> Sequence[Case]:
    """A bucket whose list lets everybody in, and no block on it."""
    bucket = await _bucket(aws)
    await (await aws.client("s3", REGION)).put_bucket_acl(Bucket=bucket, ACL=EVERYBODY)
    return [_named({}, "bucketName", bucket, f"gone-{uuid.uuid4()}")]


async def _bucket(aws: AwsClients, *, versioned: bool = False) -> str:
    s3 = await aws.client("s3", REGION)
    name = f"bucket-{uuid.uuid4()}"
    await s3.create_bucket(Bucket=name)
    await s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "team", "Value": "storage"}]})
    if versioned:
        await s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    await s3.put_object(Bucket=name, Key=KEY, Body=b"content")
    return name


def _of_object(bucket: str, **names: Any) -> dict[str, Any]:
    return event_of(requestParameters={"bucketName": bucket, "key": KEY, **names})


async def open_objects(aws: AwsClients) -> Sequence[Case]:
    """An object that everybody may read, and an old version of one."""
    s3 = await aws.client("s3", REGION)
    plain, versioned = await _bucket(aws), await _bucket(aws, versioned=True)
    version = (await s3.put_object(Bucket=versioned, Key=KEY, Body=b"newer"))["VersionId"]
    await s3.put_object_acl(Bucket=plain, Key=KEY, ACL=EVERYBODY)
    await s3.put_object_acl(Bucket=versioned, Key=KEY, VersionId=version, ACL=EVERYBODY)
    missing: Missing = ({}, _of_object(f"gone-{uuid.uuid4()}"))
    return [
        Case({}, _of_object(plain), missing),
        Case({}, _of_object(versioned, versionId=version), missing, versioned=True),
    ]


async def lost_objects(aws: AwsClients) -> Sequence[Case]:
    """An object that was deleted in a bucket with versions, and one that another bucket has a copy of."""
    s3 = await aws.client("s3", REGION)
    versioned, plain, replica = await _bucket(aws, versioned=True), await _bucket(aws), await _bucket(aws)
    for bucket in (versioned, plain):
        await s3.delete_object(Bucket=bucket, Key=KEY)
    missing: Missing = ({}, _of_object(f"gone-{uuid.uuid4()}"))
    return [
        Case({}, _of_object(versioned), missing, versioned=True),
        Case({"replicas": {plain: replica}}, _of_object(plain), missing),
    ]


async def runbook(aws: AwsClients) -> Sequence[Case]:
    """A runbook."""
    del aws
    gone = {"document": "Gone"}
    return [Case({"document": RUNBOOK}, event_of(), (gone, event_of()), settles=False)]


async def state_machine(aws: AwsClients) -> Sequence[Case]:
    """A state machine that does nothing."""
    states = await aws.client("stepfunctions", REGION)
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    role = f"arn:aws:iam::{ACCOUNT}:role/states"
    made = await states.create_state_machine(name=f"m-{uuid.uuid4().hex[:8]}", definition=definition, roleArn=role)
    arn = str(made["stateMachineArn"])
    gone = {"state_machine_arn": f"{arn.rpartition(':')[0]}:gone"}
    return [Case({"state_machine_arn": arn}, event_of(), (gone, event_of()), settles=False)]


async def client_address(aws: AwsClients) -> Sequence[Case]:
    """An IP set that an address is not in."""
    waf = await aws.client("wafv2", REGION)
    made = await waf.create_ip_set(
        Name=f"set-{uuid.uuid4().hex[:8]}", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[]
    )
    arn = str(made["Summary"]["ARN"])
    gone = {"ip_set_arn": f"{arn.rpartition('/')[0]}/{uuid.UUID(int=7)}"}
    event = event_of(httpRequest={"clientIp": "8.8.8.8"})
    return [Case({"ip_set_arn": arn}, event, (gone, event))]


CASES: Mapping[str, Callable[[AwsClients], Awaitable[Sequence[Case]]]] = {
    "cloudtrail.start-logging": trail,
    "config.start-recorder": recorder,
    "ec2.isolate-instance": exposed_instance,
    "ec2.restrict-ingress": open_group,
    "ec2.snapshot-volumes": suspect_instance,
    "ec2.start-instances": stopped_instance,
    "ec2.stop-instances": running_instance,
    "events.put-events": bus,
    "iam.attach-deny-policy": user,
    "iam.deactivate-access-key": access_key,
    "iam.revoke-sessions": roles,
    "kms.cancel-key-deletion": doomed_key,
    "lambda.invoke": function,
    "s3.block-public-access": open_bucket,
    "s3.make-acl-private": open_bucket,
    "s3.make-object-private": open_objects,
    "s3.restore-object": lost_objects,
    "ssm.run-document": patchable_instance,
    "ssm.start-automation": runbook,
    "states.start-execution": state_machine,
    "waf.block-ip": client_address,
}
