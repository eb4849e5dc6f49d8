"""Buckets and objects as events name them, and as S3's calls do.

A bucket's name is its own in all accounts, so an event need not name the account: S3's notifications do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from daemon.actions.subject import FromEvent, Subject, optional_value_at, place_of, value_at
from daemon.clients.estate import Reader

BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
KEY: Final = re.compile(r"(?s).{1,1024}")
VERSION: Final = re.compile(r"[A-Za-z0-9._-]{1,1024}")

NOT_HELD: Final = frozenset({"405", "MethodNotAllowed"})
"""How S3 answers for an object that it knows of and has lost, and for a version that is a delete marker (S3 user guide,
"Using reduced redundancy storage"; S3 API reference, HeadObject).  A marker that is the newest is 404."""

BUCKET_IN_EVENT: Final[tuple[str, ...]] = (
    "$.detail.bucket.name",
    "$.detail.requestParameters.bucketName",
    "$.detail.configurationItem.resourceName",
    "$.detail.resourceId",
    "$.detail.resource.s3BucketDetails[0].name",
)
"""S3's own events, CloudTrail, AWS Config's two shapes, GuardDuty."""
KEY_IN_EVENT: Final[tuple[str, ...]] = ("$.detail.object.key", "$.detail.requestParameters.key")
VERSION_IN_EVENT: Final[tuple[str, ...]] = ("$.detail.object.version-id", "$.detail.requestParameters.versionId")


def bucket_of(event: Mapping[str, Any], paths: FromEvent) -> Subject:
    """Return the bucket that an event names.  Raises SubjectError."""
    account, region = place_of(event, may_be_own=True)
    bucket = value_at(event, paths, BUCKET, "bucket")
    return Subject(account, region, (f"arn:aws:s3:::{bucket}",), {"bucket": bucket})


def object_of(event: Mapping[str, Any], bucket: FromEvent, key: FromEvent, version: FromEvent) -> Subject:
    """Return the object, and its version where the event names one.  Raises SubjectError."""
    account, region = place_of(event, may_be_own=True)
    values = {"bucket": value_at(event, bucket, BUCKET, "bucket"), "key": value_at(event, key, KEY, "object key")}
    found = optional_value_at(event, version, VERSION, "object version")
    if found is not None and found != "null":
        values["version"] = found
    return Subject(account, region, (f"arn:aws:s3:::{values['bucket']}/{values['key']}",), values)


def address_of(subject: Subject, api: Reader) -> dict[str, Any]:
    """Return the subject's bucket or object as S3's calls name it.

    S3 refuses the call where the bucket is not that account's: a name alone would reach a bucket of any account whose
    policy lets us, allowed or not (S3 user guide, "Verifying bucket ownership with bucket owner condition").
    """
    names = {"bucket": "Bucket", "key": "Key", "version": "VersionId"}
    return {names[name]: value for name, value in subject.values.items()} | {"ExpectedBucketOwner": api.account}
