"""The playbooks on instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.playbooks.accounts import HOME, Account
from tests.e2e.playbooks.playbook import Place, Playbook, compliance, eventbridge, through_sns
from tests.e2e.playbooks.reading import Everything

_IMAGE = "ami-12c6146b"
"""One that the emulator knows."""


async def _instances(account: Account, count: int) -> list[str]:
    """Run some, without public addresses: those would be others after a stop and a start."""
    ec2 = await account.client("ec2")
    vpc = await ec2.create_vpc(CidrBlock="10.0.0.0/16")
    subnet = await ec2.create_subnet(VpcId=vpc["Vpc"]["VpcId"], CidrBlock="10.0.1.0/24")
    made = await ec2.run_instances(
        ImageId=_IMAGE, MinCount=count, MaxCount=count, SubnetId=subnet["Subnet"]["SubnetId"]
    )
    return [each["InstanceId"] for each in made["Instances"]]


async def _stopped(account: Account) -> Place:
    instance, other = await _instances(account, 2)
    ec2 = await account.client("ec2")
    await ec2.stop_instances(InstanceIds=[instance, other])
    return {"instance": instance}


def _stopped_message(account: Account, place: Place) -> str:
    detail = {"instance-id": place["instance"], "state": "stopped"}
    return eventbridge("EC2 Instance State-change Notification", "aws.ec2", account, detail)


def _running(place: Place, _: Everything) -> Mapping[str, Any]:
    state = f"ec2/instance/{place['instance']}/State"
    return {f"{state}/Code": 16, f"{state}/Name": "running"}


EC2_STOPPED = Playbook("ec2-stopped", ("ec2",), _stopped, _stopped_message, _running)


async def _open_group(account: Account) -> Place:
    ec2 = await account.client("ec2")
    vpc = await ec2.create_vpc(CidrBlock="10.0.0.0/16")
    made = await ec2.create_security_group(GroupName="shell", Description="shell", VpcId=vpc["Vpc"]["VpcId"])
    world, v6 = [{"CidrIp": "0.0.0.0/0"}], [{"CidrIpv6": "::/0"}]
    rules = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": world, "Ipv6Ranges": v6},
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": world},
    ]
    await ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=rules)
    return {"group": made["GroupId"]}


def _group_found_open(account: Account, place: Place) -> str:
    return through_sns(compliance("restricted-ssh", "AWS::EC2::SecurityGroup", place["group"], account))


def _open_to_the_office(place: Place, _: Everything) -> Mapping[str, Any]:
    office = 'tcp 22-22 {"CidrIp": "10.10.0.0/16", "Description": "allowed by vigild"}'
    return {f"ec2/group/{place['group']}/IpPermissions": [office, 'tcp 443-443 {"CidrIp": "0.0.0.0/0"}']}


RESTRICTED_SSH = Playbook("restricted-ssh", ("ec2",), _open_group, _group_found_open, _open_to_the_office)


async def _unpatched(account: Account) -> Place:
    """The only instance there is: the emulator would run the command on all."""
    (instance,) = await _instances(account, 1)
    return {"instance": instance}


def _found_vulnerable(account: Account, place: Place) -> str:
    package = {
        "name": "openssl",
        "version": "3.0.8",
        "release": "1.amzn2023.0.3",
        "arch": "X86_64",
        "epoch": 1,
        "packageManager": "OS",
        "fixedInVersion": "1:3.0.8-1.amzn2023.0.4",
        "remediation": "dnf update openssl",
    }
    finding = {
        "awsAccountId": account.number,
        "type": "PACKAGE_VULNERABILITY",
        "title": "CVE-2026-1234 - openssl",
        "description": "A made-up vulnerability.",
        "severity": "HIGH",
        "status": "ACTIVE",
        "fixAvailable": "YES",
        "findingArn": f"arn:aws:inspector2:{HOME}:{account.number}:finding/0ab1c2d3e4f5061728394a5b6c7d8e9f",
        "packageVulnerabilityDetails": {
            "vulnerabilityId": "CVE-2026-1234",
            "source": "NVD",
            "vulnerablePackages": [package],
        },
        "resources": [{"id": place["instance"], "type": "AWS_EC2_INSTANCE", "region": HOME, "partition": "aws"}],
    }
    return eventbridge("Inspector2 Finding", "aws.inspector2", account, finding, resources=[place["instance"]])


def _patched(place: Place, _: Everything) -> Mapping[str, Any]:
    """One command, on the instance that the finding names, which has come to its end well."""
    return {
        "ssm/command": None,
        "ssm/command/DocumentName": "AWS-RunPatchBaseline",
        "ssm/command/InstanceIds": [place["instance"]],
        "ssm/command/Parameters/Operation": ["Install"],
        "ssm/command/Parameters/RebootOption": ["NoReboot"],
        "ssm/command/Status": "Success",
    }


INSPECTOR_CVE = Playbook("inspector-cve", ("ec2", "ssm"), _unpatched, _found_vulnerable, _patched, undoable=False)
