"""The playbooks on people and their traces: what they alert of stays as it is, a trail is started again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.playbooks.accounts import HOME, Account
from tests.e2e.playbooks.playbook import Place, Playbook, cloudtrail, eventbridge
from tests.e2e.playbooks.reading import Everything


def _as_it_was(_place: Place, _before: Everything) -> Mapping[str, Any]:
    return {}


async def _new_user(account: Account) -> Place:
    iam = await account.client("iam")
    await iam.create_user(UserName="backup-uploader")
    return {"user": "backup-uploader"}


def _created(account: Account, place: Place) -> str:
    """Return what the central account's bus hands on: the event still says whose it is."""
    return cloudtrail("iam", "CreateUser", account, {"userName": place["user"]}, awsRegion="us-east-1")


IAM_USER_CREATED = Playbook("iam-user-created", ("iam",), _new_user, _created, _as_it_was, endings=())


async def _nowhere(_: Account) -> Place:
    """Sign-ins leave nothing in the estate."""
    return {}


def _root_signed_in(account: Account, _: Place) -> str:
    detail = {
        "eventVersion": "1.11",
        "eventID": "1b8e5c44-90ad-4f3c-b6a2-3c5d7e9f0a19",
        "eventTime": "2026-03-03T21:30:12Z",
        "eventType": "AwsConsoleSignIn",
        "eventCategory": "Management",
        "managementEvent": True,
        "readOnly": False,
        "awsRegion": "us-east-1",
        "recipientAccountId": account.number,
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "sourceIPAddress": "198.51.100.7",
        "userIdentity": {
            "type": "Root",
            "principalId": account.number,
            "arn": f"arn:aws:iam::{account.number}:root",
            "accountId": account.number,
        },
        "requestParameters": None,
        "responseElements": {"ConsoleLogin": "Success"},
        "additionalEventData": {"MobileVersion": "No", "MFAUsed": "No"},
    }
    return eventbridge("AWS Console Sign In via CloudTrail", "aws.signin", account, detail, region="us-east-1")


ROOT_LOGIN = Playbook("root-login", ("iam",), _nowhere, _root_signed_in, _as_it_was, endings=())


async def _stopped_trail(account: Account) -> Place:
    s3, trails = await account.client("s3"), await account.client("cloudtrail")
    bucket = f"trail-{account.number}"
    await s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME})
    for name in ("organisation", "other"):
        await trails.create_trail(Name=name, S3BucketName=bucket)
    await trails.start_logging(Name="organisation")
    await trails.stop_logging(Name="organisation")
    return {"trail": f"arn:aws:cloudtrail:{HOME}:{account.number}:trail/organisation"}


def _was_stopped(account: Account, place: Place) -> str:
    return cloudtrail("cloudtrail", "StopLogging", account, {"name": place["trail"]})


def _records_again(_place: Place, _before: Everything) -> Mapping[str, Any]:
    return {"cloudtrail/organisation/status/IsLogging": True}


TRAIL_STOPPED = Playbook("trail-stopped", ("cloudtrail", "s3"), _stopped_trail, _was_stopped, _records_again)
