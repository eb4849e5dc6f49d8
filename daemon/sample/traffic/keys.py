"""Benign calls to KMS, Secrets Manager and Systems Manager: programs fetch what they need, agents report."""

from __future__ import annotations

from random import Random

from daemon.sample import ids
from daemon.sample.identities import (
    AUDIT,
    CONFIG,
    DEPLOY,
    ENGINEER,
    NODE,
    RUNNER,
    TASK,
    TASK_BY_S3,
    TASK_BY_SECRETS,
    WORKER,
    Actor,
    Housekeeping,
)
from daemon.sample.organisation import SERVICES, Estate
from daemon.sample.record import SERVICE_EVENT
from daemon.sample.traffic.shape import Carries, Failure, Shape

_PROGRAMS: tuple[Actor, ...] = (TASK, TASK, WORKER)
_THROTTLED = Failure(0.12, "ThrottlingException", "Rate exceeded")


def _key(estate: Estate, arn: str) -> list[dict[str, str]]:
    return [{"accountId": estate.account.number, "type": "AWS::KMS::Key", "ARN": arn}]


def _open_secret(estate: Estate, rng: Random) -> Carries:
    context = {"SecretARN": estate.secret(rng), "SecretVersionId": ids.uuid(rng)}
    request = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": context}
    return Carries(request, None, None, _key(estate, estate.key(rng)))


def _open_object(estate: Estate, rng: Random) -> Carries:
    context = {"aws:s3:arn": f"arn:aws:s3:::{rng.choice(estate.buckets)}"}
    request = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": context}
    return Carries(request, None, None, _key(estate, estate.key(rng)))


def _data_key(estate: Estate, rng: Random) -> Carries:
    arn = estate.key(rng)
    context = {"aws:s3:arn": f"arn:aws:s3:::{rng.choice(estate.buckets)}"}
    return Carries({"keyId": arn, "keySpec": "AES_256", "encryptionContext": context}, None, None, _key(estate, arn))


def _describe_key(estate: Estate, rng: Random) -> Carries:
    arn = estate.key(rng)
    return Carries({"keyId": arn}, None, None, _key(estate, arn))


def _secret(estate: Estate, rng: Random) -> Carries:
    return Carries({"secretId": estate.secret(rng), "versionStage": "AWSCURRENT"})


def _parameter(estate: Estate, rng: Random) -> Carries:
    name = f"/{estate.account.name}/{rng.choice(SERVICES)}/{rng.choice(('database-url', 'feature-flags', 'log-level'))}"
    arn = estate.place.arn("ssm", f"parameter{name}")
    resource = {"accountId": estate.account.number, "type": "AWS::SSM::Parameter", "ARN": arn}
    return Carries({"name": name, "withDecryption": True}, None, None, [resource])


def _parameters(estate: Estate, rng: Random) -> Carries:
    path = f"/{estate.account.name}/{rng.choice(SERVICES)}"
    return Carries({"path": path, "recursive": True, "withDecryption": True, "maxResults": 10})


def _agent(estate: Estate, rng: Random) -> Carries:
    instance = rng.choice(estate.instances)
    return Carries(
        {
            "instanceId": instance,
            "agentVersion": "3.3.1345.0",
            "agentStatus": "Active",
            "platformType": "Linux",
            "iPAddress": f"10.20.{rng.randrange(16)}.{rng.randrange(4, 250)}",
            "computerName": f"{instance}.{estate.region}.compute.internal",
            "agentName": "amazon-ssm-agent",
            "availabilityZone": f"{estate.region}b",
        }
    )


def _inventory(estate: Estate, rng: Random) -> Carries:
    kinds = ("AWS:Application", "AWS:Network", "AWS:InstanceDetailedInformation", "AWS:BillingInfo")
    found = [
        {"typeName": kind, "schemaVersion": "1.1", "contentHash": ids.token(rng, 16)}
        for kind in rng.sample(kinds, rng.randrange(1, 5))
    ]
    return Carries({"instanceId": rng.choice(estate.instances), "items": found})


def _patch(_estate: Estate, rng: Random) -> Carries:
    """Run the patch baseline, not a shell: a near miss of the rule on commands sent to instances."""
    document = {"documentName": "AWS-RunPatchBaseline", "parameters": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    targets = [{"key": "tag:Service", "values": [rng.choice(SERVICES)]}]
    command = {"commandId": ids.uuid(rng), "status": "Pending", "targetCount": 0, "timeoutSeconds": 3600}
    return Carries({**document, "targets": targets, "interactive": False}, {"command": {**command, **document}})


def _rotation(estate: Estate, rng: Random) -> Carries:
    return Carries(None, None, {"SecretId": estate.secret(rng), "SecretVersionId": ids.uuid(rng)})


KEYS = (
    Shape(46, "kms", "Decrypt", (TASK_BY_SECRETS,), _open_secret),
    Shape(40, "kms", "Decrypt", (TASK_BY_S3,), _open_object),
    Shape(30, "kms", "GenerateDataKey", (TASK_BY_S3, WORKER), _data_key),
    Shape(8, "kms", "DescribeKey", (DEPLOY, AUDIT, CONFIG), _describe_key),
    Shape(4, "kms", "ListAliases", (DEPLOY, AUDIT, ENGINEER)),
    Shape(18, "secretsmanager", "GetSecretValue", _PROGRAMS, _secret),
    Shape(6, "secretsmanager", "DescribeSecret", (DEPLOY, AUDIT, CONFIG), _secret),
    Shape(
        0.6, "secretsmanager", "RotationSucceeded", (Housekeeping("secretsmanager.amazonaws.com"),), _rotation,
        read_only=False, kind=SERVICE_EVENT,
    ),
    Shape(44, "ssm", "UpdateInstanceInformation", (NODE,), _agent, read_only=False, failure=_THROTTLED),
    Shape(14, "ssm", "GetParameter", (*_PROGRAMS, DEPLOY), _parameter),
    Shape(8, "ssm", "GetParametersByPath", _PROGRAMS, _parameters, failure=_THROTTLED),
    Shape(8, "ssm", "ListInstanceAssociations", (NODE,), lambda e, r: Carries({"instanceId": r.choice(e.instances)})),
    Shape(5, "ssm", "PutInventory", (NODE,), _inventory, read_only=False),
    Shape(4, "ssm", "DescribeInstanceInformation", (AUDIT, ENGINEER), lambda _e, _r: Carries({"maxResults": 50})),
    Shape(0.4, "ssm", "SendCommand", (RUNNER,), _patch, read_only=False),
)  # fmt: skip
