"""The playbooks on buckets and objects."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from tests.e2e.playbooks.accounts import HOME, Account
from tests.e2e.playbooks.playbook import Place, Playbook, cloudtrail, compliance
from tests.e2e.playbooks.reading import Everything
from tests.faults import Answer, FaultProxy, Forward

_KEY = "2026/märz report.pdf"
_WORLD = "http://acs.amazonaws.com/groups/global/AllUsers"


async def _bucket(account: Account, name: str) -> Any:
    s3 = await account.client("s3")
    await s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": HOME})
    for key in (_KEY, "other"):
        await s3.put_object(Bucket=name, Key=key, Body=key.encode(), Metadata={"made-by": "finance"})
    return s3


async def _public_object(account: Account) -> Place:
    bucket = f"reports-{account.number}"
    s3 = await _bucket(account, bucket)
    await s3.put_object_acl(Bucket=bucket, Key=_KEY, ACL="public-read")
    return {"bucket": bucket}


def _list_was_set(account: Account, place: Place) -> str:
    parameters = {"bucketName": place["bucket"], "key": _KEY, "acl": "", "x-amz-acl": "public-read"}
    data_event = {"eventCategory": "Data", "managementEvent": False}
    return cloudtrail("s3", "PutObjectAcl", account, parameters, **data_event)


def _without_the_world(acl: str) -> dict[str, Any]:
    """Return what is gone of an access list: its second grant, to everybody."""
    return {f"{acl}/Grants/1/{field}": None for field in ("Grantee/Type", "Grantee/URI", "Permission")}


def _object_private(place: Place, _: Everything) -> Mapping[str, Any]:
    return _without_the_world(f"s3/{place['bucket']}/object/{_KEY}@null/acl")


S3_OBJECT_PUBLIC = Playbook("s3-object-public", ("s3",), _public_object, _list_was_set, _object_private)


async def _public_bucket(account: Account) -> Place:
    bucket = f"site-{account.number}"
    s3 = await _bucket(account, bucket)
    await s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    await s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [anybody]}))
    return {"bucket": bucket}


def _bucket_found_public(account: Account, place: Place) -> str:
    return compliance("s3-bucket-public-read-prohibited", "AWS::S3::Bucket", place["bucket"], account)


def _bucket_private(place: Place, _: Everything) -> Mapping[str, Any]:
    bucket = f"s3/{place['bucket']}"
    settings = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    blocked = {f"{bucket}/block/PublicAccessBlockConfiguration/{name}": True for name in settings}
    return blocked | _without_the_world(f"{bucket}/acl")


S3_BUCKET_PUBLIC_READ = Playbook(
    "s3-bucket-public-read", ("s3",), _public_bucket, _bucket_found_public, _bucket_private, endings=("done", "done")
)


_THUMBNAIL = "cats/tabby+1.jpg"


async def _bucket_and_replica(account: Account, proxy: FaultProxy) -> Mapping[str, Mapping[str, Any]]:
    bucket = f"thumbnails-{uuid.uuid4()}"
    account.prepared = {"bucket": bucket, "replica": f"{bucket}-replica"}
    for name in account.prepared.values():
        s3 = await _bucket(account, name)
        await s3.put_object(Bucket=name, Key=_THUMBNAIL, Body=b"a cat", ContentType="image/jpeg")
    proxy.add(f"HEAD /{bucket}/{_THUMBNAIL}", _as_s3_does_for_lost_objects)
    return {"restore-lost-object": {"replicas": {bucket: account.prepared["replica"]}}}


async def _lose_object(account: Account) -> Place:
    s3 = await account.client("s3")
    await s3.delete_object(Bucket=account.prepared["bucket"], Key=_THUMBNAIL)
    return account.prepared


async def _as_s3_does_for_lost_objects(forward: Forward) -> Answer:
    """Say 405 of an object that is not there: S3 knows of it, but has lost it."""
    answer = await forward()
    return replace(answer, status=405) if answer.status == 404 else answer


def _notified_of_loss(_: Account, place: Place) -> str:
    record = {
        "eventVersion": "2.5",
        "eventSource": "aws:s3",
        "awsRegion": HOME,
        "eventTime": "2026-03-03T05:06:07.000Z",
        "eventName": "ReducedRedundancyLostObject",
        "userIdentity": {"principalId": "Amazon"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "lost",
            "bucket": {"name": place["bucket"], "arn": f"arn:aws:s3:::{place['bucket']}"},
            "object": {"key": quote_plus(_THUMBNAIL, safe="/")},
        },
    }
    return json.dumps({"Records": [record]})


def _there_again(place: Place, before: Everything) -> Mapping[str, Any]:
    """The object, as the replica has it: bytes, kind, metadata, nobody else's rights."""
    replica = f"s3/{place['replica']}/object/{_THUMBNAIL}@null"
    return {
        path.replace(place["replica"], place["bucket"]): v for path, v in before.items() if path.startswith(replica)
    }


RRS_OBJECT_LOST = Playbook(
    "rrs-object-lost",
    ("s3",),
    _lose_object,
    _notified_of_loss,
    _there_again,
    in_own_account=True,
    prepare=_bucket_and_replica,
)
