"""Act four: disks, images, databases and buckets leave the organisation, machines are hired, the door falls shut."""

from __future__ import annotations

from random import Random
from typing import Any

from daemon.sample import ids
from daemon.sample.intrusion.step import ROOT, STOLEN_DEPLOY, Calling, Step, write
from daemon.sample.organisation import MANAGEMENT, OUTSIDER, PRODUCTION, STAGING, Estate, place
from daemon.sample.record import SIGN_IN, Call
from daemon.sample.traffic.s3 import on_bucket
from daemon.sample.traffic.shape import Json

_HOME = place(MANAGEMENT)
_PLANT = place(PRODUCTION, "eu-west-1")
_TRIAL = place(STAGING, "eu-west-1")


def _done(name: str, request: Json, rng: Random) -> Call:
    return Call("ec2", name, request, {"requestId": ids.uuid(rng), "_return": True}, read_only=False)


def _give_snapshot(whom: dict[str, str]) -> Calling:
    def calling(estate: Estate, rng: Random) -> Call:
        request = {
            "snapshotId": rng.choice(estate.snapshots),
            "createVolumePermission": {"add": {"items": [whom]}},
            "attributeType": "CREATE_VOLUME_PERMISSION",
        }
        return _done("ModifySnapshotAttribute", request, rng)

    return calling


def _give_image(whom: dict[str, str]) -> Calling:
    def calling(estate: Estate, rng: Random) -> Call:
        request = {
            "imageId": rng.choice(estate.images),
            "launchPermission": {"add": {"items": [whom]}},
            "attributeType": "launchPermission",
        }
        return _done("ModifyImageAttribute", request, rng)

    return calling


def _give_database(whom: str) -> Calling:
    snapshot = "production-billing-worker-final"
    request = {"dBSnapshotIdentifier": snapshot, "attributeName": "restore", "valuesToAdd": [whom]}
    held = [{"attributeName": "restore", "attributeValues": [whom]}]
    return write(
        "rds", "ModifyDBSnapshotAttribute", request, {"dBSnapshotIdentifier": snapshot, "dBSnapshotAttributes": held}
    )


def _public_policy(estate: Estate, rng: Random) -> Call:
    bucket = f"example-{estate.account.name}-exports-{estate.region}"
    statement: dict[str, Any] = {
        "Sid": "Support",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return Call(
        "s3",
        "PutBucketPolicy",
        *on_bucket(estate, rng, bucket, {"policy": "", "bucketPolicy": document}),
        read_only=False,
    )


def _unblock(estate: Estate, rng: Random) -> Call:
    bucket = f"example-{estate.account.name}-exports-{estate.region}"
    carried = on_bucket(estate, rng, bucket, {"publicAccessBlock": ""})
    return Call("s3", "DeleteBucketPublicAccessBlock", *carried, read_only=False)


def _mine(estate: Estate, rng: Random) -> Call:
    request = {
        "instancesSet": {"items": [{"imageId": rng.choice(estate.images), "minCount": 1, "maxCount": 16}]},
        "instanceType": "p5.48xlarge",
        "subnetId": rng.choice(estate.subnets),
        "clientToken": ids.uuid(rng),
    }
    message = (
        "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that "
        "the specified instance type belongs to."
    )
    return Call("ec2", "RunInstances", request, read_only=False, error=("Client.VcpuLimitExceeded", message))


def _root_sign_in(_estate: Estate, _rng: Random) -> Call:
    page = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "No"}
    return Call("signin", "ConsoleLogin", None, {"ConsoleLogin": "Success"}, page, read_only=False, kind=SIGN_IN)


def _root_key(estate: Estate, rng: Random) -> Call:
    key = {"accessKeyId": ids.unique(rng, "AKIA"), "status": "Active", "userName": estate.account.name}
    return Call("iam", "CreateAccessKey", None, {"accessKey": key}, read_only=False)


def _delete_key(estate: Estate, rng: Random) -> Call:
    arn = estate.key(rng)
    answer = {"keyId": arn, "keyState": "PendingDeletion"}
    resources = [{"accountId": estate.account.number, "type": "AWS::KMS::Key", "ARN": arn}]
    request = {"keyId": arn, "pendingWindowInDays": 7}
    return Call("kms", "ScheduleKeyDeletion", request, answer, None, resources, read_only=False)


_SHARED = ("snapshot-or-image-shared",)
_PUBLIC = ("snapshot-or-image-made-public",)

THEFT = (
    Step("18:02:13", _PLANT, STOLEN_DEPLOY, _SHARED, _give_snapshot({"userId": OUTSIDER})),
    Step("18:05:40", _PLANT, STOLEN_DEPLOY, _SHARED, _give_image({"userId": OUTSIDER})),
    Step("18:09:27", _PLANT, STOLEN_DEPLOY, _SHARED, _give_database(OUTSIDER)),
    Step("18:31:05", _PLANT, STOLEN_DEPLOY, _PUBLIC, _give_image({"group": "all"})),
    Step("18:33:48", _PLANT, STOLEN_DEPLOY, _PUBLIC, _give_snapshot({"group": "all"})),
    Step("18:36:19", _PLANT, STOLEN_DEPLOY, _PUBLIC, _give_database("all")),
    Step("19:10:02", _PLANT, STOLEN_DEPLOY, ("s3-public-access-block-removed",), _unblock),
    Step("19:10:57", _PLANT, STOLEN_DEPLOY, ("s3-bucket-made-public",), _public_policy),
    Step("20:15:34", _TRIAL, STOLEN_DEPLOY, ("accelerated-instances-launched",), _mine),
    Step("21:30:12", _HOME, ROOT, ("root-account-used", "root-login-without-mfa"), _root_sign_in),
    Step("21:34:50", _HOME, ROOT, ("root-account-used",), _root_key),
    Step("22:05:16", _PLANT, STOLEN_DEPLOY, ("kms-key-deletion-scheduled",), _delete_key),
    Step(
        "22:40:33", place(PRODUCTION), STOLEN_DEPLOY, ("organization-left",),
        write("organizations", "LeaveOrganization", None),
    ),
)  # fmt: skip
