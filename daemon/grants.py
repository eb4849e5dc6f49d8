"""What the parts of a configuration need from IAM; `vigild iam-policy` asks each and prints one policy.

A configuration that calls AWS says so in its `grants`; the table of calls stands beside the code that makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from daemon.region import region_of


class Grant(NamedTuple):
    """IAM actions on resources."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    only_where: tuple[tuple[str, str], ...] = ()
    """Condition keys and the patterns that their values must be like."""


class Place(NamedTuple):
    """Where the daemon runs, as far as its configuration says."""

    region: str = "*"
    account: str = "*"


def queue_arn(queue_url: str, place: Place) -> str:
    """Return the ARN of the queue that a URL names; `*` stands for what the URL does not say."""
    account, _, name = urlsplit(queue_url).path.strip("/").rpartition("/")
    owner = account.rpartition("/")[2]
    return f"arn:aws:sqs:{region_of(queue_url) or place.region}:{owner or place.account}:{name}"


def policy(grants: Iterable[Grant]) -> dict[str, Any]:
    """Return the IAM policy document that allows exactly these, one statement for each scope."""
    by_scope: dict[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], set[str]] = {}
    for grant in grants:
        scope = tuple(sorted(grant.resources)), grant.only_where
        by_scope.setdefault(scope, set()).update(grant.actions)
    statements = [
        {"Effect": "Allow", "Action": sorted(actions), "Resource": _one_or_all(resources)}
        | ({"Condition": {"StringLike": dict(only_where)}} if only_where else {})
        for (resources, only_where), actions in sorted(by_scope.items())
        if actions
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _one_or_all(resources: Sequence[str]) -> str | list[str]:
    return resources[0] if len(resources) == 1 else list(resources)
