"""The names of what actions touch."""

from __future__ import annotations

import pytest

from daemon.actions.resource_names import is_named
from daemon.actions.subject import Subject
from daemon.dispatch.remediation.holds import Hold

_ACCOUNT, _REGION = "123456789012", "eu-west-1"
_INSTANCE = "i-0123456789abcdef0"
_INSTANCE_ARN = f"arn:aws:ec2:{_REGION}:{_ACCOUNT}:instance/{_INSTANCE}"
_GROUP_ARN = f"arn:aws:ec2:{_REGION}:{_ACCOUNT}:security-group/sg-12345678"
_OBJECT = "arn:aws:s3:::ledger/2026/a:b.txt"
_ROLE = f"arn:aws:iam::{_ACCOUNT}:role/ops"
_KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


def subject_of(*resources: str) -> Subject:
    """Return these resources as an action's subject."""
    return Subject(_ACCOUNT, _REGION, resources)


@pytest.mark.parametrize(
    ("resource", "pattern"),
    [
        (_INSTANCE, _INSTANCE),
        (_INSTANCE, _INSTANCE_ARN),
        (_INSTANCE, _INSTANCE_ARN.replace("aws", "aws-cn", 1)),
        (_INSTANCE, "arn:*:instance/i-0*"),
        ("sg-12345678", _GROUP_ARN),
        ("arn:aws:s3:::ledger", "ledger"),
        (_OBJECT, _OBJECT),
        (_OBJECT, "ledger"),
        (_OBJECT, "arn:aws:s3:::ledger"),
        (_OBJECT, "arn:aws-us-gov:s3:::ledger"),
        (_OBJECT, "ledger/2026/*"),
        (_OBJECT, "led*"),
        (_ROLE, "ops"),
        (_ROLE, "role/ops"),
        (_ROLE, f"arn:aws:iam::{_ACCOUNT}:role/team/night/ops"),
        (f"arn:aws:kms:{_REGION}:{_ACCOUNT}:key/{_KEY_ID}", _KEY_ID),
        (f"arn:aws:lambda:{_REGION}:{_ACCOUNT}:function:mend", "mend"),
        ("config-recorder/default", "default"),
    ],
)
def test_a_resource_goes_by_each_of_its_names(resource: str, pattern: str) -> None:
    """An id, a bare name, an ARN of any partition and with any path, and an object's bucket: all of them are it."""
    assert is_named(subject_of("other", resource), pattern)
    assert Hold(id="h", resource=pattern, by="me", why="", since=0.0).covers("r", "a", subject_of(resource))


@pytest.mark.parametrize(
    ("resource", "pattern"),
    [
        (_INSTANCE, _INSTANCE_ARN.replace(_REGION, "eu-west-2")),
        (_INSTANCE, _INSTANCE_ARN.replace(_ACCOUNT, "210987654321")),
        (_OBJECT, "ledge"),
        (_OBJECT, "2026"),
        ("arn:aws:s3:::ledger-2", "ledger"),
        ("arn:aws:s3:::ledger", "arn:aws:s3:::ledger/*"),
        (_ROLE, f"arn:aws:iam::{_ACCOUNT}:role/team/*"),
        (_ROLE, f"arn:aws:iam::{_ACCOUNT}:user/team/ops"),
    ],
)
def test_another_resource_goes_by_none_of_them(resource: str, pattern: str) -> None:
    """Neither one elsewhere of the same name, nor a part of a name, nor what is in a bucket for the bucket."""
    assert not is_named(subject_of(resource), pattern)
