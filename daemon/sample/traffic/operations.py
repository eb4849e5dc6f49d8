"""Benign calls that watch and record: CloudWatch, its logs, CloudTrail, Config, Health, GuardDuty, CloudFormation."""

from __future__ import annotations

from random import Random

from daemon.sample import ids
from daemon.sample.identities import AUDIT, CONFIG, DEPLOY, ENGINEER, MONITORING, NODE, TASK, WORKER, Actor
from daemon.sample.organisation import SERVICES, Estate
from daemon.sample.traffic.shape import Carries, Failure, Shape

_WATCHERS: tuple[Actor, ...] = (MONITORING, MONITORING, ENGINEER, AUDIT, DEPLOY)
_THROTTLED = Failure(0.08, "ThrottlingException", "Rate exceeded")
_EXISTS = Failure(0.10, "ResourceAlreadyExistsException", "The specified log stream already exists")


def _group(rng: Random) -> str:
    return f"/ecs/{rng.choice(SERVICES)}"


def _stream(_estate: Estate, rng: Random) -> Carries:
    return Carries({"logGroupName": _group(rng), "logStreamName": f"app/{ids.hexadecimal(rng, 32)}"})


def _log_group(estate: Estate, rng: Random) -> Carries:
    """Name a group of a preview environment: its deletion is a near miss of the rule on audit logs."""
    return Carries({"logGroupName": f"/preview/{estate.account.name}/{ids.hexadecimal(rng, 8)}"})


def _alarm(estate: Estate, rng: Random) -> Carries:
    service = rng.choice(SERVICES)
    return Carries(
        {
            "alarmName": f"{service}-errors",
            "alarmDescription": f"Too many errors of {service}",
            "metricName": "Errors",
            "namespace": "Example/Services",
            "statistic": "Sum",
            "period": 60,
            "evaluationPeriods": 3,
            "threshold": 5.0,
            "comparisonOperator": "GreaterThanThreshold",
            "treatMissingData": "notBreaching",
            "alarmActions": [estate.place.arn("sns", "on-call")],
        }
    )


def _trail(_estate: Estate, _rng: Random) -> Carries:
    return Carries({"name": "arn:aws:cloudtrail:us-east-1:111122223333:trail/organisation"})


def _look_up(_estate: Estate, rng: Random) -> Carries:
    attribute = {
        "attributeKey": "EventName",
        "attributeValue": rng.choice(("RunInstances", "ConsoleLogin", "CreateUser")),
    }
    return Carries({"lookupAttributes": [attribute], "maxResults": 50})


def _compliance(_estate: Estate, rng: Random) -> Carries:
    rule = rng.choice(("encrypted-volumes", "restricted-ssh", "s3-bucket-public-read-prohibited"))
    return Carries({"configRuleName": rule, "complianceTypes": ["NON_COMPLIANT"], "limit": 100})


def _stack(estate: Estate, rng: Random) -> Carries:
    return Carries({"stackName": f"{estate.account.name}-{rng.choice(SERVICES)}"})


OPERATIONS = (
    Shape(26, "logs", "CreateLogStream", (TASK, WORKER, NODE), _stream, read_only=False, failure=_EXISTS),
    Shape(
        9, "logs", "DescribeLogStreams", _WATCHERS,
        lambda _, r: Carries({"logGroupName": _group(r), "orderBy": "LastEventTime", "descending": True, "limit": 50}),
        failure=_THROTTLED,
    ),
    Shape(
        8, "logs", "DescribeLogGroups", _WATCHERS, lambda _, r: Carries({"logGroupNamePrefix": _group(r)}),
        failure=_THROTTLED,
    ),
    Shape(0.8, "logs", "CreateLogGroup", (DEPLOY,), _log_group, read_only=False),
    Shape(0.5, "logs", "DeleteLogGroup", (DEPLOY,), _log_group, read_only=False),
    Shape(
        18, "monitoring", "DescribeAlarms", _WATCHERS,
        lambda _, r: Carries({"alarmNamePrefix": r.choice(SERVICES), "maxRecords": 100}),
    ),
    Shape(1, "monitoring", "PutMetricAlarm", (DEPLOY,), _alarm, read_only=False),
    Shape(5, "cloudtrail", "LookupEvents", (AUDIT, ENGINEER), _look_up, failure=_THROTTLED),
    Shape(4, "cloudtrail", "DescribeTrails", (AUDIT, CONFIG)),
    Shape(4, "cloudtrail", "GetTrailStatus", (AUDIT, CONFIG), _trail),
    Shape(6, "config", "GetComplianceDetailsByConfigRule", (AUDIT, ENGINEER), _compliance),
    Shape(4, "config", "DescribeConfigRules", (AUDIT, ENGINEER, DEPLOY)),
    Shape(
        6, "health", "DescribeEventAggregates", (ENGINEER, MONITORING),
        lambda _e, _r: Carries(
            {"aggregateField": "eventTypeCategory", "filter": {"eventStatusCodes": ["open", "upcoming"]}}
        ),
        everywhere=False,
    ),
    Shape(4, "guardduty", "ListDetectors", (AUDIT, MONITORING)),
    Shape(
        9, "cloudformation", "DescribeStacks", (DEPLOY, ENGINEER, MONITORING), _stack,
        failure=Failure(0.1, "ValidationException", "Stack does not exist"),
    ),
    Shape(5, "cloudformation", "DescribeStackEvents", (DEPLOY, ENGINEER), _stack),
)  # fmt: skip
