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
    assert {"arn:aws:ec2:eu-west-1:*:security-group/*"} == found["ec2:RevokeSecurityGroupIngress"]
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
    """Each that a target, the approval links or the estate name, under its own ARN; text and files need nothing."""
    targets = {
        "chat": {"type": "slack", "url": "aws-secret:chat#url"},
        "hook": {"type": "webhook", "url": "https://h.example", "headers": {"Authorization": "aws-parameter:/hook"}},
    }
    approvals = {"secret": "aws-secret:links", "link_base": "https://vigild.example"}
    estate = {"external_id": "aws-secret:trust"}
    found = allowed(tmp_path, CONFIG | {"targets": targets, "approvals": approvals, "estate": estate})

    secrets = {f"arn:aws:secretsmanager:eu-west-1:*:secret:{name}-??????" for name in ("chat", "links", "trust")}
    assert (secrets, {"arn:aws:ssm:eu-west-1:*:parameter/hook"}, {"arn:aws:kms:eu-west-1:*:key/*"}) == (
        found["secretsmanager:GetSecretValue"],
        found["ssm:GetParameter"],
        found["kms:Decrypt"],
    )


def test_what_is_acted_on_is_named_as_narrowly_as_the_configuration_does(tmp_path: Path) -> None:
    """Accounts, regions, callees, documents and sets are those of the configuration; `*` is what it leaves open."""
    function = "arn:aws:lambda:eu-west-1:111122223333:function:called"
    ip_set = "arn:aws:wafv2:eu-west-1:111122223333:regional/ipset/bad/01234567-89ab-cdef-0123-456789abcdef"
    config = CONFIG | {
        "estate": {"accounts": ["111122223333"], "regions": ["eu-west-1", "eu-west-3"]},
        "actions": {
            "close": {"type": "ec2.restrict-ingress", "port": 22, "mode": "auto"},
            "call": {"type": "lambda.invoke", "function_arn": function, "mode": "auto"},
            "patch": {"type": "ssm.run-document", "document": "AWS-RunPatchBaseline", "mode": "auto"},
            "run": {"type": "ssm.start-automation", "document": "Own-Runbook", "mode": "auto"},
            "block": {"type": "waf.block-ip", "ip_set_arn": ip_set, "mode": "auto"},
        },
    }
    found = allowed(tmp_path, config)

    both = ("eu-west-1", "eu-west-3")
    groups = {f"arn:aws:ec2:{region}:111122223333:security-group/*" for region in both}
    assert groups == found["ec2:RevokeSecurityGroupIngress"]
    assert {function} == found["lambda:InvokeFunction"]
    assert {f"arn:aws:ssm:{region}:*:document/AWS-RunPatchBaseline" for region in both} <= found["ssm:SendCommand"]
    runbooks = {f"arn:aws:ssm:{region}:*:automation-definition/Own-Runbook:*" for region in both}
    assert runbooks == found["ssm:StartAutomationExecution"]
    assert {ip_set} == found["wafv2:UpdateIPSet"]


def test_the_daemons_own_account_is_acted_in_by_its_own_role(tmp_path: Path) -> None:
    """Told which account is its own, the daemon's role gets what acting there takes; the other role, the others."""
    estate = {"role_arn": "arn:aws:iam::{account}:role/vigild", "accounts": ["111122223333", "444455556666"]}
    config = CONFIG | {"estate": estate}
    own = allowed(tmp_path, config, "--account", "111122223333")
    other = allowed(tmp_path, config, "--account", "111122223333", "--role", "estate")

    assert {"arn:aws:ec2:eu-west-1:111122223333:security-group/*"} == own["ec2:RevokeSecurityGroupIngress"]
    assert {"arn:aws:ec2:eu-west-1:444455556666:security-group/*"} == other["ec2:RevokeSecurityGroupIngress"]
    assert {"arn:aws:iam::444455556666:role/vigild"} == own["sts:AssumeRole"]
    assert {"arn:aws:dynamodb:eu-west-1:111122223333:table/vigild"} == own["dynamodb:PutItem"]
