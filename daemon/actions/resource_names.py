"""The names by which people know what an action touches, beside the one that the action itself uses.

Exemptions and holds compare by them: whoever writes an id, a bare name or an ARN means the same resource.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from daemon.actions.subject import Subject

_ARN: Final = re.compile(r"arn:aws[a-z-]*:")
_IAM_PATH: Final = re.compile(r"(arn:aws:iam::[0-9]{12}:(?:user|role)/)[^*?[]*/([^*?[/]+)")
"""Events name users and roles without their path; a name is there once in an account, whatever the path."""
_EC2_KINDS: Final = {"i": "instance", "sg": "security-group"}


def is_named(subject: Subject, pattern: str) -> bool:
    """Return whether a resource of the subject, or the bucket that it is in, has a name of this pattern."""
    wanted = _ARN.sub("arn:aws:", pattern, count=1) if pattern.startswith("arn:") else pattern
    path = _IAM_PATH.fullmatch(wanted)
    if path is not None:
        wanted = path[1] + path[2]
    return any(fnmatchcase(name, wanted) for name in _names_of(subject))


def _names_of(subject: Subject) -> Iterator[str]:
    for resource in subject.resources:
        if resource.startswith("arn:"):
            yield from _names_in(_ARN.sub("arn:aws:", resource, count=1))
            continue
        yield resource
        kind = _EC2_KINDS.get(resource.partition("-")[0])
        if kind is not None:
            yield f"arn:aws:ec2:{subject.region}:{subject.account}:{kind}/{resource}"
        elif resource.startswith("config-recorder/"):
            yield resource.partition("/")[2]


def _names_in(arn: str) -> Iterator[str]:
    yield arn
    name = arn.split(":", 5)[-1]
    yield name
    if arn.startswith("arn:aws:s3:"):
        bucket = name.partition("/")[0]
        yield bucket
        yield f"arn:aws:s3:::{bucket}"
    else:
        yield re.split("[/:]", name, maxsplit=1)[-1]
