"""What an alert looks like as a finding of Security Hub: the AWS Security Finding Format (ASFF), within its limits.

securityhub.py sends it.  Lengths are from the format's attribute reference in the Security Hub user guide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from daemon.event import Event
from daemon.sinks.base import Incident, Notice, Severity
from daemon.sinks.event_path import EventPath, texts_at
from daemon.sinks.event_time import time_of
from daemon.sinks.facts import facts_of
from daemon.sinks.message_text import cut, details
from daemon.sinks.text import place, printable

_LABELS = {
    Severity.INFO: "INFORMATIONAL",
    Severity.LOW: "LOW",
    Severity.MEDIUM: "MEDIUM",
    Severity.HIGH: "HIGH",
    Severity.CRITICAL: "CRITICAL",
}
_MOST_RESOURCES = 32
_LONGEST_ID = 512
_LONGEST_TITLE = 256
_LONGEST_DESCRIPTION = 1_024
_LONGEST_FIELD = 2_048
_ACCOUNT = re.compile(r"[0-9]{12}")
_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]{0,16}):[0-9]{0,12}:([a-z-]*)")
_TYPES = {
    ("dynamodb", "table"): "AwsDynamoDbTable",
    ("ec2", "instance"): "AwsEc2Instance",
    ("ec2", "security-group"): "AwsEc2SecurityGroup",
    ("ec2", "volume"): "AwsEc2Volume",
    ("ec2", "vpc"): "AwsEc2Vpc",
    ("iam", "group"): "AwsIamGroup",
    ("iam", "policy"): "AwsIamPolicy",
    ("iam", "role"): "AwsIamRole",
    ("iam", "user"): "AwsIamUser",
    ("kms", "key"): "AwsKmsKey",
    ("lambda", "function"): "AwsLambdaFunction",
    ("rds", "db"): "AwsRdsDbInstance",
    ("secretsmanager", "secret"): "AwsSecretsManagerSecret",
    ("cloudtrail", "trail"): "AwsCloudTrailTrail",
}
"""By service and kind of resource; what is not here is of the type Other."""


class Product(NamedTuple):
    """As what vigild speaks to Security Hub."""

    arn: str
    types: tuple[str, ...]

    @property
    def account(self) -> str:
        """The account that the findings belong to."""
        return self.arn.split(":")[4]


def finding_of(
    notice: Notice, incident: Incident, product: Product, now: float, resource: EventPath | None
) -> dict[str, Any]:
    """Return the finding of an alert; its Id is the incident's, so that later alerts of the incident update it."""
    account, _, region = place(notice.event).partition("/")
    fields = {
        "vigild/rule": notice.rule,
        "vigild/key": notice.key,
        "vigild/account": account,
        "vigild/region": region,
        **{f"vigild/{name.lower()}": value for name, value in facts_of(notice).named()},
        "vigild/event": details(notice, _LONGEST_FIELD),
    }
    observed = _timestamp(time_of(notice.event) or now)
    return {
        "SchemaVersion": "2018-10-08",
        "Id": cut(f"vigild/{printable(incident.key)}", _LONGEST_ID),
        "ProductArn": product.arn,
        "GeneratorId": cut(f"vigild/{notice.rule}", _LONGEST_ID),
        "AwsAccountId": product.account,
        "CreatedAt": observed,
        "LastObservedAt": observed,
        "UpdatedAt": _timestamp(now),
        "FindingProviderFields": {
            "Severity": {"Label": _LABELS[notice.severity], "Original": notice.severity.value},
            "Types": list(product.types),
        },
        "Title": cut(notice.subject, _LONGEST_TITLE),
        "Description": cut(printable(notice.description).strip() or notice.subject, _LONGEST_DESCRIPTION),
        "ProductFields": {name: cut(value, _LONGEST_FIELD) for name, value in fields.items() if value.strip()},
        "Resources": _resources(notice.event, resource, account, product.account),
        "RecordState": "ARCHIVED" if incident.is_over else "ACTIVE",
    }


def _resources(event: Event, path: EventPath | None, account: str, own_account: str) -> list[dict[str, str]]:
    """Return what the alert is about: what the path leads to, else the event's own list, else its account."""
    found = [_resource(text) for text in _named(event, path) if text.strip()]
    owner = account if _ACCOUNT.fullmatch(account) else own_account
    return found[:_MOST_RESOURCES] or [{"Type": "AwsAccount", "Id": f"AWS::::Account:{owner}"}]


def _named(event: Event, path: EventPath | None) -> Iterator[str]:
    (named,) = texts_at(event, path)
    if named is not None:
        yield named
        return
    try:
        listed = event.document().get("resources")
    except (orjson.JSONDecodeError, AttributeError):
        return
    if isinstance(listed, list):
        yield from dict.fromkeys(each for each in listed if isinstance(each, str))


def _resource(text: str) -> dict[str, str]:
    name = cut(printable(text), _LONGEST_ID)
    arn = _ARN.match(name)
    if arn is None:
        return {"Type": "Other", "Id": name}
    partition, service, region, kind = arn.groups()
    # A bucket's ARN names no kind of resource; that of an object holds a slash.
    bucket = "AwsS3Object" if "/" in name else "AwsS3Bucket"
    found = {"Type": bucket if service == "s3" else _TYPES.get((service, kind), "Other"), "Id": name}
    return found | ({"Partition": partition, "Region": region} if region else {"Partition": partition})


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
