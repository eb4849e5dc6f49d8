"""`vigild iam-policy`, as a process over configuration files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulators import CREDENTIALS

CONFIG: dict[str, Any] = {
    "aws": {"region": "eu-west-1"},
    "sources": {"events": {"type": "sqs", "queue_url": "https://sqs.eu-west-1.amazonaws.com/111122223333/events"}},
    "targets": {
        "pager": {"type": "sns", "topic_arn": "arn:aws:sns:eu-west-1:111122223333:pager"},
        "hook": {"type": "webhook", "url": "https://hooks.example/x"},
    },
    "state": {"type": "dynamodb", "table_name": "vigild"},
    "actions": {
        "close": {"type": "ec2.restrict-ingress", "port": 22, "mode": "auto"},
        "watch": {"type": "s3.block-public-access"},
    },
}


def allowed(folder: Path, config: dict[str, Any], *arguments: str) -> dict[str, set[str]]:
    """Return the resources of every IAM action in the policy."""
    path = folder / "vigild.yaml"
    path.write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "iam-policy", "--config", str(path), *arguments],
        env={**os.environ, **CREDENTIALS},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, set[str]] = {}
    for statement in json.loads(done.stdout)["Statement"]:
        resources = statement["Resource"]
        for action in statement["Action"]:
            found.setdefault(action, set()).update([resources] if isinstance(resources, str) else resources)
    return found


def test_each_part_gets_what_it_needs_and_no_more(tmp_path: Path) -> None:
    """Queue, topic and table go by their ARNs; the acting action writes, the one in shadow only reads."""
    found = allowed(tmp_path, CONFIG)

    assert {"arn:aws:sqs:eu-west-1:111122223333:events"} == found["sqs:ReceiveMessage"]
    assert {"arn:aws:sns:eu-west-1:111122223333:pager"} == found["sns:Publish"]
    assert {"arn:aws:dynamodb:eu-west-1:*:table/vigild"} == found["dynamodb:PutItem"]
    assert {"arn:aws:ec2:*:*:security-group/*"} == found["ec2:RevokeSecurityGroupIngress"]
    assert {"*"} == found["s3:GetBucketPublicAccessBlock"]
    assert "s3:PutBucketPublicAccessBlock" not in found
    assert not any(action.endswith("*") for action in found)


def test_undoing_can_be_left_out(tmp_path: Path) -> None:
    """Without undo an action gets only what acting takes."""
    config = CONFIG | {"actions": {"start": {"type": "ec2.start-instances", "mode": "auto"}}}

    assert "ec2:StopInstances" in allowed(tmp_path, config)
    assert "ec2:StopInstances" not in allowed(tmp_path, config, "--no-undo")


@pytest.mark.parametrize("role", ["daemon", "estate"])
def test_with_a_role_to_assume_there_are_two_policies(tmp_path: Path, role: str) -> None:
    """The daemon's own role may assume the other in the accounts listed, and only that other one acts."""
    estate = {"role_arn": "arn:aws:iam::{account}:role/vigild", "accounts": ["111122223333"]}
    found = allowed(tmp_path, CONFIG | {"estate": estate}, "--role", role)

    acts, receives = "ec2:RevokeSecurityGroupIngress" in found, "sqs:ReceiveMessage" in found
    assert (role == "estate", role == "daemon") == (acts, receives)
    if role == "daemon":
        assert {"arn:aws:iam::111122223333:role/vigild"} == found["sts:AssumeRole"]


def test_secrets_that_aws_keeps_may_be_read(tmp_path: Path) -> None:
    """Each that a target or the approval links name, under its own ARN; text and files need nothing."""
    targets = {
        "chat": {"type": "slack", "url": "aws-secret:chat#url"},
        "hook": {"type": "webhook", "url": "https://h.example", "headers": {"Authorization": "aws-parameter:/hook"}},
    }
    approvals = {"secret": "aws-secret:links", "link_base": "https://vigild.example"}
    found = allowed(tmp_path, CONFIG | {"targets": targets, "approvals": approvals})

    secrets = {f"arn:aws:secretsmanager:eu-west-1:*:secret:{name}-??????" for name in ("chat", "links")}
    assert (secrets, {"arn:aws:ssm:eu-west-1:*:parameter/hook"}) == (
        found["secretsmanager:GetSecretValue"],
        found["ssm:GetParameter"],
    )
