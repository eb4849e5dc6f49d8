"""Reads everything that an account has of the services that playbooks act on, and says what has changed in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tests.e2e.playbooks.accounts import Account

_OF_THE_MOMENT = frozenset(
    {
        "LastModified",
        "LatestCloudWatchLogsDeliveryTime",
        "LatestDeliveryTime",
        "LatestDeliveryAttemptTime",
        "LaunchTime",
        "LockToken",
        "PasswordLastUsed",
        "RequestedDateTime",
        "ExpiresAfter",
        "ResponseMetadata",
        "StartLoggingTime",
        "StateReason",
        "StateTransitionReason",
        "StopLoggingTime",
        "TimeLoggingStarted",
        "TimeLoggingStopped",
        "UsageOperationUpdateTime",
    }
)
"""Fields that say when something was done last, and would differ after any change and its undoing."""

Everything = dict[str, Any]
"""Values by their paths: "ec2/instance/i-1/State/Name"."""


async def everything(account: Account, services: Sequence[str]) -> Everything:
    """Return all that the account has of some services: instances and groups, buckets with objects, users and policies,
    trails, IP sets, commands.
    """
    found = {service: await _READERS[service](account) for service in services}
    return dict(_leaves("", found))


def changes(before: Everything, after: Everything) -> dict[str, Any]:
    """Return what is new or other in `after`, and as None what is gone."""
    paths = before.keys() | after.keys()
    return {path: after.get(path) for path in sorted(paths) if before.get(path) != after.get(path)}


async def _ec2(account: Account) -> dict[str, Any]:
    ec2 = await account.client("ec2")
    reservations = (await ec2.describe_instances())["Reservations"]
    groups = (await ec2.describe_security_groups())["SecurityGroups"]
    for group in groups:
        group["IpPermissions"] = sorted(_permission(each) for each in group["IpPermissions"])
        group["IpPermissionsEgress"] = sorted(_permission(each) for each in group["IpPermissionsEgress"])
    instances = [instance for each in reservations for instance in each["Instances"]]
    return {
        "instance": {instance["InstanceId"]: instance for instance in instances},
        "group": {group["GroupId"]: group for group in groups},
    }


def _permission(permission: Mapping[str, Any]) -> str:
    reach = [f"{permission['IpProtocol']} {permission.get('FromPort')}-{permission.get('ToPort')}"]
    for kind in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
        reach += sorted(json.dumps(entry, sort_keys=True) for entry in permission.get(kind, ()))
    return " ".join(reach)


async def _s3(account: Account) -> dict[str, Any]:
    """Return all buckets; of the account that all tests share, only those made for the playbook."""
    s3 = await account.client("s3")
    buckets = [bucket["Name"] for bucket in (await s3.list_buckets())["Buckets"]]
    found = {}
    for name in set(buckets) & set(account.prepared.values()) if account.is_shared else buckets:
        versions = await s3.list_object_versions(Bucket=name)
        found[name] = {
            "acl": await s3.get_bucket_acl(Bucket=name),
            "block": await _or_none(s3.get_public_access_block(Bucket=name)),
            "policy": await _or_none(s3.get_bucket_policy(Bucket=name)),
            "markers": versions.get("DeleteMarkers", []),
            "object": {
                f"{each['Key']}@{each['VersionId']}": await _object(s3, name, each)
                for each in versions.get("Versions", ())
            },
        }
    return found


async def _object(s3: Any, bucket: str, version: Mapping[str, Any]) -> dict[str, Any]:
    address = {"Bucket": bucket, "Key": version["Key"]}
    if version["VersionId"] != "null":
        address["VersionId"] = version["VersionId"]
    head = await s3.get_object(**address)
    body = await head.pop("Body").read()
    return {**head, "sha256": hashlib.sha256(body).hexdigest(), "acl": await s3.get_object_acl(**address)}


async def _cloudtrail(account: Account) -> dict[str, Any]:
    cloudtrail = await account.client("cloudtrail")
    trails = (await cloudtrail.describe_trails())["trailList"]
    return {
        trail["Name"]: {**trail, "status": await cloudtrail.get_trail_status(Name=trail["Name"])} for trail in trails
    }


async def _wafv2(account: Account) -> dict[str, Any]:
    wafv2 = await account.client("wafv2")
    found = {}
    for each in (await wafv2.list_ip_sets(Scope="REGIONAL"))["IPSets"]:
        answer = await wafv2.get_ip_set(Name=each["Name"], Id=each["Id"], Scope="REGIONAL")
        found[each["Name"]] = {**answer["IPSet"], "Addresses": sorted(answer["IPSet"]["Addresses"])}
    return found


async def _ssm(account: Account) -> dict[str, Any]:
    """Return the only command, if there is one, by what was asked for and came of it."""
    ssm = await account.client("ssm")
    commands = (await ssm.list_commands())["Commands"]
    fields = ("DocumentName", "InstanceIds", "Parameters", "Status")
    return {"command": {field: commands[0][field] for field in fields} if len(commands) == 1 else len(commands)}


async def _iam(account: Account) -> dict[str, Any]:
    details: dict[str, Any] = await (await account.client("iam")).get_account_authorization_details()
    return details


_READERS = {"cloudtrail": _cloudtrail, "ec2": _ec2, "iam": _iam, "s3": _s3, "ssm": _ssm, "wafv2": _wafv2}


async def _or_none(answer: Any) -> Any:
    try:
        return await answer
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value that holds no others, with its path; lists of texts count as one."""
    if isinstance(value, dict) and value:
        for name, below in value.items():
            if name not in _OF_THE_MOMENT:
                yield from _leaves(f"{path}/{name}" if path else str(name), below)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for number, below in enumerate(value):
            yield from _leaves(f"{path}/{number}", below)
    else:
        yield path, value
