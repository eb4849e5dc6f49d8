"""The actions on EC2, on an emulated estate: whole resources before and after."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from daemon.actions.base import Decline, Declined, Plan
from daemon.actions.subject import SubjectError
from daemon.clients import AwsClients
from tests.actions.acting import KEY, acting, event_of
from tests.e2e.estates import group_rules, instance_state, make_group, make_stopped_instance
from tests.emulators import REGION, Emulator

pytestmark = pytest.mark.anyio


def of_instance(instance: object) -> dict[str, Any]:
    """Return EC2's own event about an instance."""
    return event_of(**{"instance-id": instance})


async def interfaces_of(aws: AwsClients, instance: str) -> dict[str, Any]:
    """Return the instance's interfaces with their groups, and its VPC."""
    ec2 = await aws.client("ec2", REGION)
    found = (await ec2.describe_instances(InstanceIds=[instance]))["Reservations"][0]["Instances"][0]
    groups = {
        each["NetworkInterfaceId"]: sorted(group["GroupId"] for group in each["Groups"])
        for each in found["NetworkInterfaces"]
    }
    return {"vpc": found["VpcId"], "groups": groups}


async def test_a_stopped_instance_is_started_and_back(moto: Emulator) -> None:
    """It runs afterwards, and undo stops it."""
    async with acting(moto, {"type": "ec2.start-instances"}) as it:
        instance = await make_stopped_instance(it.aws)

        plan, applied = await it.act(of_instance(instance))
        assert await instance_state(it.aws, instance) == "running"
        await it.undo(of_instance(instance), plan, applied)

        assert await instance_state(it.aws, instance) == "stopped"


async def test_a_running_instance_is_stopped_and_back(moto: Emulator) -> None:
    """It stops, and undo starts it; one that is stopped is left alone."""
    async with acting(moto, {"type": "ec2.stop-instances"}) as it:
        instance = await make_stopped_instance(it.aws)
        already = await it.plan(of_instance(instance))
        ec2 = await it.aws.client("ec2", REGION)
        await ec2.start_instances(InstanceIds=[instance])

        plan, applied = await it.act(of_instance(instance))
        assert await instance_state(it.aws, instance) == "stopped"
        await it.undo(of_instance(instance), plan, applied)

        assert isinstance(already, Declined)
        assert (already.reason, await instance_state(it.aws, instance)) == (Decline.ALREADY_RIGHT, "running")


async def test_an_instance_is_isolated_and_back(moto: Emulator) -> None:
    """Every interface is in the quarantine group alone; undo puts the old groups back."""
    async with acting(moto, {"type": "ec2.stop-instances"}) as plain:
        instance = await make_stopped_instance(plain.aws)
        before = await interfaces_of(plain.aws, instance)
        ec2 = await plain.aws.client("ec2", REGION)
        made = await ec2.create_security_group(GroupName=str(uuid.uuid4()), Description="q", VpcId=before["vpc"])
    quarantine = made["GroupId"]
    options = {"type": "ec2.isolate-instance", "quarantine": {"groups": {before["vpc"]: quarantine}}}
    async with acting(moto, options) as it:
        plan, applied = await it.act(of_instance(instance))
        isolated = await interfaces_of(it.aws, instance)
        await it.undo(of_instance(instance), plan, applied)

        assert all(groups == [quarantine] for groups in isolated["groups"].values())
        assert before == await interfaces_of(it.aws, instance)


async def test_without_a_quarantine_group_nothing_is_isolated(moto: Emulator) -> None:
    """An instance in another VPC than those configured is declined, not half isolated."""
    groups = {"vpc-0123456789abcdef0": "sg-0123456789abcdef0"}
    async with acting(moto, {"type": "ec2.isolate-instance", "quarantine": {"groups": groups}}) as it:
        instance = await make_stopped_instance(it.aws)
        answer = await it.plan(of_instance(instance))

        assert isinstance(answer, Declined)
        assert Decline.PROTECTED is answer.reason


async def test_volumes_are_snapshotted_once_an_intent(moto: Emulator) -> None:
    """Each volume gets one snapshot; a repeat of the same intent finds them and takes no others."""
    async with acting(moto, {"type": "ec2.snapshot-volumes"}) as it:
        instance = await make_stopped_instance(it.aws)
        _, first = await it.act(of_instance(instance))
        _, again = await it.act(of_instance(instance))

        assert first == again
        assert 1 <= len(first["snapshots"]) == len(it.written)
        ec2 = await it.aws.client("ec2", REGION)
        found = await ec2.describe_snapshots(SnapshotIds=first["snapshots"])
        assert {KEY} == {tag["Value"] for each in found["Snapshots"] for tag in each["Tags"]}


async def test_a_range_of_ports_is_split_around_the_port(moto: Emulator) -> None:
    """Only port 22 goes; the rest of the range, and a group that is let in by reference, stay; undo restores it all."""
    async with acting(moto, {"type": "ec2.restrict-ingress", "port": 22}) as it:
        group, friend = await make_group(it.aws, str(uuid.uuid4())), await make_group(it.aws, str(uuid.uuid4()))
        ec2 = await it.aws.client("ec2", REGION)
        rules = [
            {"IpProtocol": "tcp", "FromPort": 20, "ToPort": 25, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": friend}]},
            {"IpProtocol": "udp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        ]
        await ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
        before = await group_rules(it.aws, group)
        event = event_of(requestParameters={"groupId": group})

        plan, applied = await it.act(event)
        closed = await group_rules(it.aws, group)
        await it.undo(event, plan, applied)

        stays = [f"tcp 22-22 {friend}", "udp 22-22 0.0.0.0/0"]
        assert sorted(["tcp 20-21 0.0.0.0/0", "tcp 23-25 0.0.0.0/0", *stays]) == closed
        assert before == await group_rules(it.aws, group)


async def test_a_tag_is_part_of_the_plan(moto: Emulator) -> None:
    """The resource's tags go with the plan, so that the gate can exempt it."""
    async with acting(moto, {"type": "ec2.start-instances"}) as it:
        instance = await make_stopped_instance(it.aws)
        ec2 = await it.aws.client("ec2", REGION)
        await ec2.create_tags(Resources=[instance], Tags=[{"Key": "vigild:exempt", "Value": "yes"}])
        plan = await it.plan(of_instance(instance))

        assert isinstance(plan, Plan)
        assert plan.resource_tags == {instance: {"vigild:exempt": "yes"}}


@pytest.mark.parametrize("kind", ["ec2.start-instances", "ec2.stop-instances", "ec2.snapshot-volumes"])
async def test_an_instance_that_is_gone_is_left_alone(moto: Emulator, kind: str) -> None:
    """An instance that is not there gives no plan and no call that writes."""
    async with acting(moto, {"type": kind}) as it:
        assert await it.plan(of_instance("i-0123456789abcdef0")) is None
        assert it.written == []


@pytest.mark.parametrize("instance", ["i-1", "i-0123456789abcdef0;reboot", "", None, 7, {"id": "i-1"}, ["i-x"] * 60])
async def test_what_is_no_instance_is_refused(moto: Emulator, instance: object) -> None:
    """A name that cannot be an instance's never reaches EC2."""
    async with acting(moto, {"type": "ec2.start-instances"}) as it:
        with pytest.raises(SubjectError, match="instance id"):
            await it.plan(of_instance(instance))
