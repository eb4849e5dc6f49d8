"""A playbook put to the test: its bad state, the message that tells of it, and what must have changed afterwards."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.playbooks.accounts import HOME, Account
from tests.e2e.playbooks.reading import Everything
from tests.faults import FaultProxy

Place = dict[str, str]
"""Names of what was made."""


async def _nothing(_account: Account, _proxy: FaultProxy) -> Mapping[str, Mapping[str, Any]]:
    return {}


@dataclass(frozen=True, slots=True)
class Playbook:
    """One folder of config/playbooks, put to the test."""

    name: str
    """Of the folder, and of its rule."""
    services: tuple[str, ...]
    """All that the account has of these is looked at before and after."""
    make: Callable[[Account], Awaitable[Place]]
    """Makes the bad state, beside things that must stay."""
    message: Callable[[Account, Place], str]
    """What then lies in the queue."""
    changed: Callable[[Place, Everything], Mapping[str, Any]]
    """What must be other afterwards, by path (reading.py), and nothing else."""
    endings: tuple[str, ...] = ("done",)
    """Of its actions, sorted; none where it only alerts."""
    undoable: bool = True
    in_own_account: bool = False
    """Whether the event names no account, so that it is the daemon's own."""
    prepare: Callable[[Account, FaultProxy], Awaitable[Mapping[str, Mapping[str, Any]]]] = _nothing
    """Makes what the configuration names, and returns that: what is laid over which action.  Teaches the proxy what AWS
    does otherwise than the emulator.
    """


def eventbridge(kind: str, source: str, account: Account, detail: Mapping[str, Any], **changes: Any) -> str:
    """Return an event as a rule of EventBridge puts it into a queue."""
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": account.number,
        "time": "2026-03-03T02:00:00Z",
        "region": HOME,
        "resources": [],
        "detail": detail,
    }
    return json.dumps({**event, **changes})


def cloudtrail(service: str, name: str, account: Account, parameters: Mapping[str, Any], **changes: Any) -> str:
    """Return the event of an API call, as EventBridge hands it on."""
    detail = {
        "eventVersion": "1.11",
        "eventID": str(uuid.uuid4()),
        "eventTime": "2026-03-03T02:00:00Z",
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "managementEvent": True,
        "readOnly": False,
        "awsRegion": HOME,
        "recipientAccountId": account.number,
        "sourceIPAddress": "10.0.0.1",
        "userAgent": "aws-cli/2.31.0",
        "requestID": str(uuid.uuid4()),
        "userIdentity": {"type": "IAMUser", "userName": "eve", "arn": f"arn:aws:iam::{account.number}:user/eve"},
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "requestParameters": parameters,
        "responseElements": None,
    }
    kind = "AWS API Call via CloudTrail"
    return eventbridge(kind, f"aws.{service}", account, {**detail, **changes})


def compliance(rule: str, kind: str, resource: str, account: Account) -> str:
    """Return the event of a rule of AWS Config that found a resource non-compliant."""
    detail = {
        "resourceId": resource,
        "resourceType": kind,
        "awsRegion": HOME,
        "awsAccountId": account.number,
        "configRuleName": rule,
        "configRuleARN": f"arn:aws:config:{HOME}:{account.number}:config-rule/config-rule-ab12cd",
        "recordVersion": "1.0",
        "messageType": "ComplianceChangeNotification",
        "notificationCreationTime": "2026-03-03T02:00:00.123Z",
        "newEvaluationResult": {
            "evaluationResultIdentifier": {
                "evaluationResultQualifier": {"configRuleName": rule, "resourceType": kind, "resourceId": resource},
                "orderingTimestamp": "2026-03-03T01:59:30.000Z",
            },
            "complianceType": "NON_COMPLIANT",
            "resultRecordedTime": "2026-03-03T01:59:59.000Z",
            "configRuleInvokedTime": "2026-03-03T01:59:58.000Z",
        },
    }
    return eventbridge("Config Rules Compliance Change", "aws.config", account, detail)


def through_sns(message: str) -> str:
    """Return a message as a topic puts it into a queue, without raw delivery."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": f"arn:aws:sns:{HOME}:111122223333:events",
            "Message": message,
            "Timestamp": "2026-03-03T02:00:00.123Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLEpH+",
            "SigningCertURL": f"https://sns.{HOME}.amazonaws.com/SimpleNotificationService-0000.pem",
            "UnsubscribeURL": f"https://sns.{HOME}.amazonaws.com/?Action=Unsubscribe",
        }
    )
