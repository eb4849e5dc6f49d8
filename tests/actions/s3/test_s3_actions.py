"""The actions on S3, on an emulated estate: whole resources before and after."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from daemon.actions.base import Decline, Declined
from daemon.actions.subject import SubjectError, place_of
from daemon.clients import AwsClients
from daemon.errors import PermanentError
from tests.actions.acting import acting, event_of
from tests.e2e.estates import ACCOUNT
from tests.emulators import REGION, Emulator
from tests.faults import FaultProxy, answering, refused

pytestmark = pytest.mark.anyio

PRIVATE = ["FULL_CONTROL"]


async def make_bucket(aws: AwsClients, **options: Any) -> str:
    """Make a bucket with an object in it; return its name."""
    s3 = await aws.client("s3", REGION)
    name = f"bucket-{uuid.uuid4()}"
    await s3.create_bucket(Bucket=name, **options)
    await s3.put_object(Bucket=name, Key="a/b c.txt", Body=b"content")
    return name


async def object_grants(aws: AwsClients, bucket: str) -> list[str]:
    """Return what the object's list grants, sorted."""
    s3 = await aws.client("s3", REGION)
    answer = await s3.get_object_acl(Bucket=bucket, Key="a/b c.txt")
    return sorted(f"{grant['Permission']} {grant['Grantee'].get('URI', 'owner')}" for grant in answer["Grants"])


def of_object(bucket: str, key: str = "a/b c.txt") -> dict[str, Any]:
    """Return an event that names an object as CloudTrail does."""
    return event_of(requestParameters={"bucketName": bucket, "key": key})


async def test_a_public_object_is_made_private_and_back(moto: Emulator) -> None:
    """Only the public's grant goes; content and owner stay; undo brings the very grants back."""
    async with acting(moto, {"type": "s3.make-object-private"}) as it:
        bucket = await make_bucket(it.aws)
        s3 = await it.aws.client("s3", REGION)
        await s3.put_object_acl(Bucket=bucket, Key="a/b c.txt", ACL="public-read")
        before = await object_grants(it.aws, bucket)

        plan, applied = await it.act(of_object(bucket))
        assert await object_grants(it.aws, bucket) == ["FULL_CONTROL owner"]
        await it.undo(of_object(bucket), plan, applied)

        assert before == await object_grants(it.aws, bucket)
        assert await (await s3.get_object(Bucket=bucket, Key="a/b c.txt"))["Body"].read() == b"content"


async def test_public_access_to_a_bucket_is_blocked_and_back(moto: Emulator) -> None:
    """All four settings are on; undo takes them away again where there were none."""
    async with acting(moto, {"type": "s3.block-public-access"}) as it:
        bucket = await make_bucket(it.aws)
        event = event_of(bucket={"name": bucket})
        s3 = await it.aws.client("s3", REGION)

        plan, applied = await it.act(event)
        answer = await s3.get_public_access_block(Bucket=bucket)
        assert all(answer["PublicAccessBlockConfiguration"].values())
        await it.undo(event, plan, applied)

        with pytest.raises(s3.exceptions.ClientError, match="NoSuchPublicAccessBlockConfiguration"):
            await s3.get_public_access_block(Bucket=bucket)


async def test_a_half_blocked_bucket_gets_only_what_it_lacks(moto: Emulator) -> None:
    """Undo restores the settings that were there before."""
    async with acting(moto, {"type": "s3.block-public-access"}) as it:
        bucket = await make_bucket(it.aws)
        event = event_of(bucket={"name": bucket})
        s3 = await it.aws.client("s3", REGION)
        half = {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": False,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": False,
        }
        await s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=half)

        plan, applied = await it.act(event)
        assert [change.field for change in plan.changes] == ["IgnorePublicAcls", "RestrictPublicBuckets"]
        await it.undo(event, plan, applied)

        assert half == (await s3.get_public_access_block(Bucket=bucket))["PublicAccessBlockConfiguration"]


async def test_a_public_bucket_list_is_made_private_and_back(moto: Emulator) -> None:
    """Only the public's grant goes off the bucket's own list."""
    async with acting(moto, {"type": "s3.make-acl-private"}) as it:
        bucket = await make_bucket(it.aws)
        s3 = await it.aws.client("s3", REGION)
        await s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
        before = (await s3.get_bucket_acl(Bucket=bucket))["Grants"]
        event = event_of(requestParameters={"bucketName": bucket})

        plan, applied = await it.act(event)
        assert [grant["Permission"] for grant in (await s3.get_bucket_acl(Bucket=bucket))["Grants"]] == PRIVATE
        await it.undo(event, plan, applied)

        assert sorted(map(str, before)) == sorted(map(str, (await s3.get_bucket_acl(Bucket=bucket))["Grants"]))


async def test_a_deleted_object_comes_back_from_its_version(moto: Emulator) -> None:
    """The newest version is copied with its tags; undo deletes exactly the copy."""
    async with acting(moto, {"type": "s3.restore-object"}) as it:
        bucket = await make_bucket(it.aws)
        s3 = await it.aws.client("s3", REGION)
        await s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        await s3.put_object(Bucket=bucket, Key="a/b c.txt", Body=b"newest", Tagging="class=secret")
        await s3.delete_object(Bucket=bucket, Key="a/b c.txt")

        plan, applied = await it.act(of_object(bucket))
        assert await (await s3.get_object(Bucket=bucket, Key="a/b c.txt"))["Body"].read() == b"newest"
        tags = (await s3.get_object_tagging(Bucket=bucket, Key="a/b c.txt"))["TagSet"]
        assert tags == [{"Key": "class", "Value": "secret"}]
        await it.undo(of_object(bucket), plan, applied)


async def test_a_lost_object_comes_back_from_its_replica(moto: Emulator) -> None:
    """Where the configuration names a bucket of copies, the copy comes from there."""
    async with acting(moto, {"type": "s3.restore-object"}) as it:
        lost, replica = await make_bucket(it.aws), await make_bucket(it.aws)
        s3 = await it.aws.client("s3", REGION)
        await s3.delete_object(Bucket=lost, Key="a/b c.txt")
        options = {"type": "s3.restore-object", "replicas": {lost: replica}}
        async with acting(moto, options) as restoring:
            plan, applied = await restoring.act(of_object(lost))
            assert await (await s3.get_object(Bucket=lost, Key="a/b c.txt"))["Body"].read() == b"content"
            await restoring.undo(of_object(lost), plan, applied)


async def test_a_replica_that_is_lost_too_is_no_copy(moto: Emulator) -> None:
    """S3 answers 405 for either: there is nothing to bring back, which is an answer and no failure."""
    async with FaultProxy(moto.endpoint_url) as proxy, acting(moto, {"type": "s3.restore-object"}) as direct:
        lost, replica = await make_bucket(direct.aws), await make_bucket(direct.aws)
        for bucket in (lost, replica):
            proxy.add(f"HEAD /{bucket}/a/b c.txt", answering(405, {}), times=1)
        options = {"type": "s3.restore-object", "replicas": {lost: replica}}
        async with acting(replace(moto, endpoint_url=proxy.endpoint_url), options) as it:
            found = await it.plan(of_object(lost))

    assert found == Declined(Decline.NOT_FOUND, "there is no copy of it")


async def test_a_delete_marker_has_no_list_to_make_private(moto: Emulator) -> None:
    """S3 answers 405 for the version that is one: there is nothing to do, and nothing fails."""
    async with FaultProxy(moto.endpoint_url) as proxy, acting(moto, {"type": "s3.make-object-private"}) as direct:
        bucket = await make_bucket(direct.aws)
        proxy.add(f"GET /{bucket}/a/b c.txt", refused("rest-xml", "MethodNotAllowed", 405), times=1)
        async with acting(replace(moto, endpoint_url=proxy.endpoint_url), {"type": "s3.make-object-private"}) as it:
            assert await it.plan(of_object(bucket)) is None


@pytest.mark.parametrize(
    "kind", ["s3.make-object-private", "s3.make-acl-private", "s3.block-public-access", "s3.restore-object"]
)
async def test_a_bucket_of_another_account_is_not_touched(moto: Emulator, kind: str) -> None:
    """A name alone would reach any bucket whose policy lets us: every call says whose it must be, and S3 refuses."""
    async with FaultProxy(moto.endpoint_url) as proxy, acting(moto, {"type": kind}) as direct:
        bucket = await make_bucket(direct.aws)
        s3 = await direct.aws.client("s3", REGION)
        await s3.put_object_acl(Bucket=bucket, Key="a/b c.txt", ACL="public-read")
        await s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
        if kind == "s3.restore-object":
            await s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            await s3.put_object(Bucket=bucket, Key="a/b c.txt", Body=b"lost")
            proxy.add(f"HEAD /{bucket}/a/b c.txt", answering(405, {}), times=1)
        async with acting(replace(moto, endpoint_url=proxy.endpoint_url), {"type": kind}) as it:
            plan, applied = await it.act(of_object(bucket))
            subject = it.action.subject(of_object(bucket))
            await it.action.revert(subject, plan, applied, it.writer(subject))

        assert len(proxy.owners) >= 3
        assert set(proxy.owners) == {ACCOUNT}


async def test_what_a_person_has_put_there_since_is_not_deleted(moto: Emulator) -> None:
    """Undo takes back its own copy and nothing else, with versions and without."""
    async with acting(moto, {"type": "s3.restore-object"}) as direct:
        s3 = await direct.aws.client("s3", REGION)
        for versions in ("Enabled", "Suspended"):
            bucket, replica = await make_bucket(direct.aws), await make_bucket(direct.aws)
            await s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": versions})
            await s3.delete_object(Bucket=bucket, Key="a/b c.txt")
            async with acting(moto, {"type": "s3.restore-object", "replicas": {bucket: replica}}) as it:
                plan, applied = await it.act(of_object(bucket))
                await s3.put_object(Bucket=bucket, Key="a/b c.txt", Body=b"a person's")

                with pytest.raises(PermanentError, match="not the copy that was made"):
                    await it.undo(of_object(bucket), plan, applied)

            assert await (await s3.get_object(Bucket=bucket, Key="a/b c.txt"))["Body"].read() == b"a person's"


async def test_a_lost_version_is_not_taken_for_its_own_copy(moto: Emulator) -> None:
    """S3 answers 405 for what it has lost; the version before that one is copied, not the lost one."""
    async with FaultProxy(moto.endpoint_url) as proxy:
        through_proxy = replace(moto, endpoint_url=proxy.endpoint_url)
        async with acting(moto, {"type": "s3.restore-object"}) as direct:
            bucket = await make_bucket(direct.aws)
            s3 = await direct.aws.client("s3", REGION)
            await s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            for body in (b"older", b"lost"):
                await s3.put_object(Bucket=bucket, Key="a/b c.txt", Body=body)
            proxy.add(f"HEAD /{bucket}/a/b c.txt", answering(405, {}), times=1)

            async with acting(through_proxy, {"type": "s3.restore-object"}) as it:
                await it.act(of_object(bucket))

            assert await (await s3.get_object(Bucket=bucket, Key="a/b c.txt"))["Body"].read() == b"older"


async def test_an_event_that_names_no_account_is_the_daemons_own(moto: Emulator) -> None:
    """S3's notifications name none, and a bucket is found without; another kind of resource is not."""
    async with acting(moto, {"type": "s3.block-public-access"}) as it:
        event = event_of(bucket={"name": "reports"}) | {"account": ""}

        assert it.action.subject(event).account == ""
        with pytest.raises(SubjectError, match="account"):
            it.action.subject(event | {"account": "1234"})
        with pytest.raises(SubjectError, match="account"):
            place_of(event)


@pytest.mark.parametrize(
    "kind", ["s3.make-object-private", "s3.block-public-access", "s3.make-acl-private", "s3.restore-object"]
)
async def test_what_is_right_or_gone_is_left_alone(moto: Emulator, kind: str) -> None:
    """A second time there is nothing to do, and nothing where there is no such bucket; neither writes anything."""
    async with acting(moto, {"type": kind}) as it:
        bucket = await make_bucket(it.aws)
        if kind == "s3.block-public-access":
            await it.act(of_object(bucket))
        it.written.clear()

        again = await it.plan(of_object(bucket))
        gone = await it.plan(of_object(f"no-such-{uuid.uuid4()}"))

        assert isinstance(again, Declined)
        assert (again.reason, gone, it.written) == (Decline.ALREADY_RIGHT, None, [])


@pytest.mark.parametrize(
    "bucket", ["../etc", "a", "UPPER", "x" * 64, 5, ["a-bucket", "b-bucket"], None, "bucket\n", ""]
)
@pytest.mark.parametrize("kind", ["s3.make-object-private", "s3.block-public-access"])
async def test_what_is_no_bucket_is_refused(moto: Emulator, kind: str, bucket: object) -> None:
    """A bucket's name that cannot be one never reaches S3."""
    async with acting(moto, {"type": kind}) as it:
        with pytest.raises(SubjectError, match="bucket"):
            await it.plan(event_of(requestParameters={"bucketName": bucket, "key": "k"}))
