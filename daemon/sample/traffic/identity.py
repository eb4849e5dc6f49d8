"""Benign calls to STS, IAM and the sign-in page: services, pipelines and people take on roles, and read policies."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

from daemon.sample import ids
from daemon.sample.identities import (
    AUDIT,
    BACKUP,
    BROWSER,
    CONFIG,
    DEPLOY,
    ENGINEER,
    MONITORING,
    RUNNER,
    TASK,
    Actor,
    Service,
    User,
    unique_id,
)
from daemon.sample.organisation import OFFICE, SERVICES, Estate
from daemon.sample.record import SIGN_IN
from daemon.sample.rhythm import Rhythm
from daemon.sample.traffic.shape import Carries, Failure, Shape

_MAKERS: tuple[Actor, ...] = (DEPLOY, DEPLOY, RUNNER, ENGINEER, AUDIT, CONFIG)
_DENIED = Failure(
    0.05, "AccessDenied", "User is not authorized to perform: iam:GetRole on resource: role deploy because no "
    "identity-based policy allows the iam:GetRole action",
)  # fmt: skip
_PERSON = replace(ENGINEER, agents=(BROWSER,))
_BREAK_GLASS = User("break-glass", (BROWSER,), OFFICE, Rhythm.OFFICE)


def _assumed(estate: Estate, rng: Random, role: str, session: str, hidden: int) -> Carries:
    """Return an AssumeRole; `hidden` is the size of the session token in bytes, which CloudTrail does show."""
    arn = estate.account.iam(f"role/{role}")
    return Carries(
        {"roleArn": arn, "roleSessionName": session, "durationSeconds": 3600},
        {
            "credentials": {
                "accessKeyId": ids.unique(rng, "ASIA"),
                "sessionToken": ids.token(rng, hidden),
            },
            "assumedRoleUser": {
                "assumedRoleId": f"{unique_id('AROA', estate.account, role)}:{session}",
                "arn": f"arn:aws:sts::{estate.account.number}:assumed-role/{role}/{session}",
            },
        },
        None,
        [{"accountId": estate.account.number, "type": "AWS::IAM::Role", "ARN": arn}],
    )


def _function(estate: Estate, rng: Random) -> Carries:
    service = rng.choice(SERVICES)
    return _assumed(estate, rng, service, service, 150)


def _instance(estate: Estate, rng: Random) -> Carries:
    return _assumed(estate, rng, "node", rng.choice(estate.instances), 150)


def _task(estate: Estate, rng: Random) -> Carries:
    return _assumed(estate, rng, rng.choice(SERVICES), ids.hexadecimal(rng, 32), 150)


def _across(estate: Estate, rng: Random) -> Carries:
    role = rng.choice(("deploy", "security-audit"))
    return _assumed(estate, rng, role, f"{role}-{rng.randrange(1000, 9999)}", 210)


def _role(_estate: Estate, rng: Random) -> Carries:
    return Carries({"roleName": rng.choice((*SERVICES, "node", "deploy"))})


def _policy(estate: Estate, rng: Random) -> Carries:
    return Carries(
        {"policyArn": estate.account.iam(f"policy/{rng.choice(SERVICES)}"), "versionId": f"v{rng.randrange(1, 5)}"}
    )


def _document(statement: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}, separators=(",", ":"))


def _trust(_estate: Estate, rng: Random) -> Carries:
    """Let a service take on a role: a near miss of the rule on trust policies."""
    trust = _document({"Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}})
    return Carries({"roleName": rng.choice(SERVICES), "policyDocument": trust})


def _grant(estate: Estate, rng: Random) -> Carries:
    """Give a role one thing to do: a near miss of the rule on policies that allow everything."""
    service = rng.choice(SERVICES)
    allowed = _document(
        {"Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::{rng.choice(estate.buckets)}/{service}/*"}
    )
    return Carries({"roleName": service, "policyName": "uploads", "policyDocument": allowed})


def _attach(_estate: Estate, rng: Random) -> Carries:
    managed = rng.choice(("AmazonSSMManagedInstanceCore", "CloudWatchAgentServerPolicy", "ReadOnlyAccess"))
    return Carries({"roleName": rng.choice(SERVICES), "policyArn": f"arn:aws:iam::aws:policy/{managed}"})


def _sign_in(mfa: str) -> Carries:
    page = "https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true"
    return Carries(None, {"ConsoleLogin": "Success"}, {"LoginTo": page, "MobileVersion": "No", "MFAUsed": mfa})


IDENTITY = (
    Shape(34, "sts", "AssumeRole", (Service("lambda.amazonaws.com", Rhythm.CUSTOMERS),), _function),
    Shape(20, "sts", "AssumeRole", (Service("ec2.amazonaws.com"),), _instance),
    Shape(24, "sts", "AssumeRole", (Service("ecs-tasks.amazonaws.com", Rhythm.CUSTOMERS),), _task),
    Shape(30, "sts", "AssumeRole", (DEPLOY, MONITORING, AUDIT), _across, shared=True),
    Shape(34, "sts", "GetCallerIdentity", (DEPLOY, RUNNER, MONITORING, BACKUP, TASK)),
    Shape(14, "iam", "GetRole", _MAKERS, _role, failure=_DENIED, everywhere=False),
    Shape(8, "iam", "ListAttachedRolePolicies", _MAKERS, _role, everywhere=False),
    Shape(8, "iam", "ListRolePolicies", _MAKERS, _role, everywhere=False),
    Shape(6, "iam", "GetPolicy", _MAKERS, _policy, everywhere=False),
    Shape(6, "iam", "GetPolicyVersion", _MAKERS, _policy, everywhere=False),
    Shape(6, "iam", "ListInstanceProfilesForRole", (DEPLOY, AUDIT), _role, everywhere=False),
    Shape(3, "iam", "ListUsers", (AUDIT, ENGINEER), everywhere=False),
    Shape(3, "iam", "GetAccountSummary", (AUDIT, ENGINEER), everywhere=False),
    Shape(0.6, "iam", "PutRolePolicy", (DEPLOY,), _grant, read_only=False, everywhere=False),
    Shape(0.4, "iam", "AttachRolePolicy", (DEPLOY,), _attach, read_only=False, everywhere=False),
    Shape(0.4, "iam", "UpdateAssumeRolePolicy", (DEPLOY,), _trust, read_only=False, everywhere=False),
    Shape(
        4, "signin", "ConsoleLogin", (_PERSON,), lambda _e, _r: _sign_in("No"),
        read_only=False, everywhere=False, kind=SIGN_IN,
    ),
    Shape(
        0.6, "signin", "ConsoleLogin", (_BREAK_GLASS,), lambda _e, _r: _sign_in("Yes"),
        read_only=False, everywhere=False, kind=SIGN_IN,
    ),
)  # fmt: skip
