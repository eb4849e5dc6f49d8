"""Which API calls CloudTrail and EventBridge do not deliver without being told to, and where global services report.

Sources: data events: CloudTrail User Guide, "Logging data events" (logging-data-events-with-cloudtrail: no trail logs
them by default); Amazon S3 User Guide, "Amazon S3 CloudTrail events" (cloudtrail-logging-s3-info: the object-level
actions); DynamoDB Developer Guide, "DynamoDB API" (HowItWorks.API: the data plane); Lambda's Invoke is named in the API
reference of CloudTrail's DataResource.  Read-only events: EventBridge User Guide, "Receiving read-only management
events from AWS services" (eb-service-event-cloudtrail-management).  Regions: AWS re:Post, "Use EventBridge rules across
Regions" and "Why does my EventBridge rule for IAM events only trigger in us-east-1" (IAM, Organizations, Account
Management, Route 53); CloudTrail User Guide, "update-trail" (IAM, CloudFront).  STS and the sign-in pages answer in
many regions and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from daemon.match.eventbridge.casing import Side
from daemon.match.eventbridge.operators import Affix, Exact, Test, Wildcard
from daemon.match.eventbridge.pattern import Alternative
from daemon.match.lint.findings import Finding, LintCode, Subject, tests_on, texts_on
from daemon.match.lint.records import is_cloudtrail

_DATA_EVENTS: Final[Mapping[str, frozenset[str]]] = {
    "s3": frozenset(
        (
            *("AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObject"),
            *("DeleteObjects", "GetObject", "GetObjectAcl", "GetObjectAttributes", "GetObjectTagging", "HeadObject"),
            *("ListParts", "PostObject", "PutObject", "PutObjectAcl", "PutObjectTagging", "RestoreObject"),
            *("UploadPart", "UploadPartCopy"),
        )
    ),
    "lambda": frozenset(("Invoke",)),
    "dynamodb": frozenset(
        (
            *("BatchExecuteStatement", "BatchGetItem", "BatchWriteItem", "DeleteItem", "ExecuteStatement"),
            *("ExecuteTransaction", "GetItem", "PutItem", "Query", "Scan", "TransactGetItems", "TransactWriteItems"),
            "UpdateItem",
        )
    ),
}
_ALL_DATA_EVENTS: Final = (("detail.eventCategory", "Data"), ("detail.managementEvent", False))
_READ_ONLY_VERBS: Final = ("Describe", "Get", "List")
_DELIVERED_ALL_THE_SAME: Final = frozenset(("GetFederationToken", "GetSessionToken"))
"""Of STS: named by the page as changes, whatever their verb."""
_GLOBAL_SERVICES: Final = frozenset(("account", "cloudfront", "iam", "organizations", "route53"))
_HOME_REGIONS: Final = ("us-east-1", "us-gov-west-1", "cn-north-1", "cn-northwest-1")
"""Of the partitions' global services; us-east-1 everywhere but in GovCloud and China."""


def undelivered_calls(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each call that is a data event or read-only, and for whoever asks for all such calls."""
    for alternative in filter(is_cloudtrail, subject.sample):
        services = _services(alternative)
        for test, place in tests_on(alternative, "detail.eventName"):
            name = _beginning(test)
            source = next((service for service in services if name in _DATA_EVENTS.get(service, ())), None)
            if source:
                yield from _data_event(f"{name} of {source}", place, subject)
            elif name.startswith(_READ_ONLY_VERBS) and name not in _DELIVERED_ALL_THE_SAME:
                yield _read_only(name, place)
        for path, value in _ALL_DATA_EVENTS:
            for test, place in tests_on(alternative, path):
                if test == Exact(value):
                    yield from _data_event("What is asked for", place, subject)
        read_only = tests_on(alternative, "detail.readOnly")
        if read_only and all(test == Exact(True) for test, _ in read_only):
            yield _read_only("What is asked for", read_only[0][1])


def _beginning(test: Test) -> str:
    """Return the name that a test asks for, or how it begins."""
    match test:
        case Exact(value=str(name)):
            return name
        case Affix(side=Side.START | Side.WHOLE):
            return test.text
        case Wildcard():
            return test.pieces[0]
    return ""


def _data_event(what: str, place: str, subject: Subject) -> Iterator[Finding]:
    if "data event" not in subject.description.lower():
        message = (
            f"{what} is a data event, which no trail logs by default; "
            "let the description say that data events must be on"
        )
        yield Finding(LintCode.DATA_EVENT, place, message)


def _read_only(what: str, place: str) -> Finding:
    message = (
        f"{what} is read-only: EventBridge delivers it only to rules in the state "
        "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS; CloudTrail's files hold it anyway"
    )
    return Finding(LintCode.READ_ONLY_EVENT, place, message)


def _services(alternative: Alternative) -> list[str]:
    """Return the services named by `detail.eventSource`, or else by `source`."""
    called = [text.removesuffix(".amazonaws.com") for text, _ in texts_on(alternative, "detail.eventSource")]
    return called or [text.removeprefix("aws.") for text, _ in texts_on(alternative, "source")]


def global_regions(subject: Subject) -> Iterator[Finding]:
    """Yield a finding where only global services are asked for, and only in regions that have none of their events."""
    for alternative in subject.sample:
        services = _services(alternative)
        if not services or not _GLOBAL_SERVICES.issuperset(services):
            continue
        for path in ("region", "detail.awsRegion"):
            tests = tests_on(alternative, path)
            if tests and not any(_holds_at_home(test) for test, _ in tests):
                message = f"{' and '.join(services)} is global: its events are recorded in us-east-1 alone"
                yield Finding(LintCode.GLOBAL_REGION, tests[0][1], message)


def _holds_at_home(test: Test) -> bool:
    return any(test.holds(region) for region in _HOME_REGIONS)
