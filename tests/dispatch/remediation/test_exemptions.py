"""What is never touched, by tag and by name, against the estate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from daemon.actions import ACTIONS
from daemon.clients import AwsClients
from daemon.dispatch.remediation.result import Ending
from daemon.state.sqlite import SqliteStore
from tests.clocks import HandWound
from tests.dispatch.remediation.rig import Process
from tests.e2e.estates import ACCOUNT, instance_state, make_stopped_instance
from tests.emulators import REGION, Emulator

pytestmark = pytest.mark.anyio

Surrounding = tuple[Emulator, SqliteStore, HandWound]


@pytest.fixture
def around(moto: Emulator, store: SqliteStore, clock: HandWound) -> Surrounding:
    """Return what a process needs."""
    return moto, store, clock


@asynccontextmanager
async def acting_by_itself(around: Surrounding, kind: str, **options: Any) -> AsyncIterator[Process]:
    """Yield a process with one action, that acts."""
    estate, store, clock = around
    process = Process(estate.endpoint_url, store, clock, {"type": kind, "mode": "auto", **options})
    yield process
    await process.close()


def about(**detail: Any) -> dict[str, Any]:
    """Return an event of the estate with this detail."""
    return {"source": "aws.test", "id": "e-1", "account": ACCOUNT, "region": REGION, "detail": detail}


@pytest.mark.parametrize("exempt", [0, 1])
async def test_one_exempt_resource_exempts_the_event(around: Surrounding, aws: AwsClients, exempt: int) -> None:
    """Of two instances that one event names, the tag of either keeps both as they are, whatever the other's says."""
    instances = [await make_stopped_instance(aws) for _ in range(2)]
    ec2 = await aws.client("ec2", REGION)
    for number, instance in enumerate(instances):
        value = "prod" if number == exempt else "dev"
        await ec2.create_tags(Resources=[instance], Tags=[{"Key": "env", "Value": value}])
    items = [{"instanceId": instance} for instance in instances]
    async with acting_by_itself(around, "ec2.start-instances", exempt={"tags": {"env": "prod"}}) as it:
        result = await it.carry_out(about(requestParameters={"instancesSet": {"items": items}}))

        assert (result.ending, result.reason) == (Ending.REFUSED, "exempt")
        assert [await instance_state(aws, instance) for instance in instances] == ["stopped", "stopped"]


@pytest.mark.parametrize("written", ["id", "arn"])
async def test_an_exempt_resource_may_be_written_either_way(around: Surrounding, written: str) -> None:
    """An id and an ARN both keep an instance from being touched, before anything is looked at."""
    instance = "i-0123456789abcdef0"
    name = {"id": instance, "arn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance}"}[written]
    async with acting_by_itself(around, "ec2.start-instances", exempt={"resources": [name]}) as it:
        result = await it.carry_out(about(**{"instance-id": instance}))

        assert (result.ending, result.detail) == (Ending.REFUSED, f"resource {name}")


_KEY = "a/b c.txt"
_EXEMPT = {"TagSet": [{"Key": "vigild:exempt", "Value": "yes"}]}


async def open_bucket(aws: AwsClients) -> str:
    """Make a bucket that everybody may read, with an object that everybody may read; return its name."""
    s3 = await aws.client("s3", REGION)
    name = f"bucket-{uuid4()}"
    await s3.create_bucket(Bucket=name, ACL="public-read")
    await s3.put_object(Bucket=name, Key=_KEY, Body=b"content", ACL="public-read")
    return name


@pytest.mark.parametrize("kind", ["s3.block-public-access", "s3.make-acl-private", "s3.make-object-private"])
async def test_a_tag_exempts_a_bucket_with_its_objects(around: Surrounding, aws: AwsClients, kind: str) -> None:
    """No action on S3 touches a tagged bucket, or what is in it; an untagged one they set right."""
    s3 = await aws.client("s3", REGION)
    exempt, other = await open_bucket(aws), await open_bucket(aws)
    await s3.put_bucket_tagging(Bucket=exempt, Tagging=_EXEMPT)
    async with acting_by_itself(around, kind) as it:
        names = [{"requestParameters": {"bucketName": bucket, "key": _KEY}} for bucket in (exempt, other)]
        results = [await it.carry_out(about(**each)) for each in names]

        assert [(each.ending, each.reason) for each in results] == [(Ending.REFUSED, "exempt"), (Ending.DONE, "")]


async def test_a_tag_exempts_an_object(around: Surrounding, aws: AwsClients) -> None:
    """The object's own tag counts as its bucket's does."""
    s3, bucket = await aws.client("s3", REGION), await open_bucket(aws)
    await s3.put_object_tagging(Bucket=bucket, Key=_KEY, Tagging=_EXEMPT)
    async with acting_by_itself(around, "s3.make-object-private") as it:
        result = await it.carry_out(about(requestParameters={"bucketName": bucket, "key": _KEY}))

        assert (result.ending, result.reason) == (Ending.REFUSED, "exempt")


@pytest.mark.parametrize("kind", ["cloudtrail.start-logging", "kms.cancel-key-deletion"])
def test_tags_that_nothing_reads_are_refused(kind: str) -> None:
    """Whoever relies on tags with an action that reads none is told so at load; to turn the default off is no fault."""
    config = ACTIONS[kind].config
    with pytest.raises(ValidationError, match="reads no tags"):
        config.model_validate({"type": kind, "exempt": {"tags": {"env": "prod"}}})

    assert config.model_validate({"type": kind, "exempt": {"tags": {}}}).exempt.tags == {}
