"""An estate in an emulator: the bad states that events tell of, and whole resources before and after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from daemon.clients import AwsClients
from tests.emulators import REGION, Emulator, clients_of

ACCOUNT = "123456789012"
"""The account that moto's default credentials belong to."""


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


async def group_rules(aws: AwsClients, group: str) -> list[str]:
    """Return a group's ingress as sorted texts: "tcp 22-22 0.0.0.0/0"."""
    ec2 = await aws.client("ec2", REGION)
    found = await ec2.describe_security_groups(GroupIds=[group])
    return sorted(text for each in found["SecurityGroups"][0]["IpPermissions"] for text in _texts(each))


def _texts(permission: dict[str, Any]) -> list[str]:
    head = f"{permission['IpProtocol']} {permission.get('FromPort', '')}-{permission.get('ToPort', '')}"
    blocks = [entry["CidrIp"] for entry in permission.get("IpRanges", ())]
    blocks += [entry["CidrIpv6"] for entry in permission.get("Ipv6Ranges", ())]
    blocks += [entry["GroupId"] for entry in permission.get("UserIdGroupPairs", ())]
    return [f"{head} {block}" for block in blocks]
