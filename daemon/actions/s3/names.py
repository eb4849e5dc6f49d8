"""Buckets and objects as events name them, and access control lists as the actions on them see them.

A bucket's name is its own in all accounts, so an event need not name the account: S3's notifications do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from daemon.actions.base import Image
from daemon.actions.subject import FromEvent, Subject, optional_value_at, place_of, value_at

BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
KEY: Final = re.compile(r"(?s).{1,1024}")
VERSION: Final = re.compile(r"[A-Za-z0-9._-]{1,1024}")

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

PUBLIC: Final = frozenset(
    {
        "http://acs.amazonaws.com/groups/global/AllUsers",
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    }
)
"""The groups that stand for everybody (S3 user guide, "Access control list (ACL) overview")."""


_GRANTEE: Final = ("Type", "ID", "URI", "EmailAddress")
"""What names a grantee; display names are for people, and S3 no longer gives them."""


_HEADERS: Final = {"URI": "uri", "ID": "id", "EmailAddress": "emailAddress"}
_PARAMETERS: Final = {
    "FULL_CONTROL": "GrantFullControl",
    "READ": "GrantRead",
    "READ_ACP": "GrantReadACP",
    "WRITE": "GrantWrite",
    "WRITE_ACP": "GrantWriteACP",
}


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


def address_of(subject: Subject) -> dict[str, Any]:
    """Return the subject's object as S3's calls name it."""
    values = subject.values
    version = {"VersionId": values["version"]} if "version" in values else {}
    return {"Bucket": values["bucket"], "Key": values["key"], **version}


def acl_image(answer: Mapping[str, Any]) -> Image:
    """Return owner and grants of an answer of GetBucketAcl or GetObjectAcl, in a settled order."""
    grants = [
        {
            "Grantee": {name: grant["Grantee"][name] for name in _GRANTEE if name in grant["Grantee"]},
            "Permission": grant["Permission"],
        }
        for grant in answer["Grants"]
    ]
    return {"owner": {"ID": answer["Owner"]["ID"]}, "grants": sorted(grants, key=str)}


def without_public(image: Image) -> Image:
    """Return the image without what everybody is granted."""
    kept = [grant for grant in image["grants"] if grant["Grantee"].get("URI") not in PUBLIC]
    return {**image, "grants": kept}


def grant_parameters(image: Image) -> dict[str, Any]:
    """Return the image as the parameters of PutObjectAcl and PutBucketAcl that put exactly its grants in force."""
    parameters: dict[str, list[str]] = {}
    for grant in image["grants"]:
        kind, name = next((k, grant["Grantee"][k]) for k in ("URI", "ID", "EmailAddress") if k in grant["Grantee"])
        parameters.setdefault(_PARAMETERS[grant["Permission"]], []).append(f'{_HEADERS[kind]}="{name}"')
    if not parameters:
        return {"AccessControlPolicy": {"Owner": image["owner"], "Grants": []}}
    return {parameter: ", ".join(grantees) for parameter, grantees in parameters.items()}


def grants_text(image: Image) -> list[str]:
    """Return the grants for people."""
    return [
        f"{grant['Permission']} to {grant['Grantee'].get('URI') or grant['Grantee'].get('ID') or 'somebody'}"
        for grant in image["grants"]
    ]
