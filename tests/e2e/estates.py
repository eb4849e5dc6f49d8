"""An estate in an emulator: the bad states that events tell of, and whole resources before and after."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from daemon.clients import AwsClients
from daemon.clients.roles import AssumedRole, RoleSettings
from tests.emulators import REGION, Emulator, clients_of
from tests.secret_stores import secrets_of

ACCOUNT = "123456789012"
"""The account that moto's default credentials belong to."""
IMAGE = "ami-12c6146b"
"""One of those that moto has from the start."""


@asynccontextmanager
async def member_of(emulator: Emulator, account: str) -> AsyncIterator[AwsClients]:
    """Yield plain clients of another account of the emulated estate."""
    async with estate_of(emulator) as own:
        outsider = RoleSettings(session_name="outsider")
        arn = f"arn:aws:iam::{account}:role/outsider"
        clients = own.as_role(AssumedRole(arn, outsider, own, REGION, secrets_of(own)))
        try:
            yield clients
        finally:
            await clients.close()


@asynccontextmanager
async def estate_of(emulator: Emulator) -> AsyncIterator[AwsClients]:
    """Yield plain clients of the emulated estate."""
    clients = clients_of(emulator)
    try:
        yield clients
    finally:
        await clients.close()


async def make_group(aws: AwsClients, name: str) -> str:
    """Make a security group; return its id."""
    ec2 = await aws.client("ec2", REGION)
    vpc = await ec2.create_vpc(CidrBlock="10.0.0.0/16")
    group = await ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc["Vpc"]["VpcId"])
    return str(group["GroupId"])


async def open_ports(aws: AwsClients, group: str, first: int, last: int, block: str) -> list[str]:
    """Let a block reach ports of a group, as somebody else might; return the rules that there are then."""
    ec2 = await aws.client("ec2", REGION)
    rule = {"IpProtocol": "tcp", "FromPort": first, "ToPort": last, "IpRanges": [{"CidrIp": block}]}
    await ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    return await group_rules(aws, group)


async def group_rules(aws: AwsClients, group: str) -> list[str]:
    """Return a group's ingress as sorted texts: "tcp 22-22 0.0.0.0/0"."""
    ec2 = await aws.client("ec2", REGION)
    found = await ec2.describe_security_groups(GroupIds=[group])
    return sorted(text for each in found["SecurityGroups"][0]["IpPermissions"] for text in _texts(each))


async def make_stopped_instance(aws: AwsClients) -> str:
    """Start an instance and stop it; return its id."""
    ec2 = await aws.client("ec2", REGION)
    made = await ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)
    instance = str(made["Instances"][0]["InstanceId"])
    await ec2.stop_instances(InstanceIds=[instance])
    return instance


async def instance_state(aws: AwsClients, instance: str) -> str:
    """Return the state of an instance: "running"."""
    ec2 = await aws.client("ec2", REGION)
    found = await ec2.describe_instances(InstanceIds=[instance])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


async def make_function(aws: AwsClients, name: str = "called") -> str:
    """Make a function that echoes what it is called with, unless it is there; return its ARN."""
    functions, iam = await aws.client("lambda", REGION), await aws.client("iam", REGION)
    async with aiohttp.ClientSession() as session:
        endpoint = functions.meta.endpoint_url
        async with session.post(f"{endpoint}/moto-api/config", json={"lambda": {"use_docker": False}}) as answer:
            answer.raise_for_status()
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        await iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("function.py", "def handler(event, context):\n    return event\n")
    with suppress(functions.exceptions.ResourceConflictException):
        await functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{name}",
            Handler="function.handler",
            Code={"ZipFile": archive.getvalue()},
        )
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def _texts(permission: dict[str, Any]) -> list[str]:
    head = f"{permission['IpProtocol']} {permission.get('FromPort', '')}-{permission.get('ToPort', '')}"
    blocks = [entry["CidrIp"] for entry in permission.get("IpRanges", ())]
    blocks += [entry["CidrIpv6"] for entry in permission.get("Ipv6Ranges", ())]
    blocks += [entry["GroupId"] for entry in permission.get("UserIdGroupPairs", ())]
    return [f"{head} {block}" for block in blocks]
