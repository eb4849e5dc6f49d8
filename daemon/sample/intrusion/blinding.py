"""Act three: whatever could see is turned off: GuardDuty, Config, flow logs, log groups, at last the trail itself."""

from __future__ import annotations

from random import Random

from daemon.sample import ids
from daemon.sample.intrusion.step import STOLEN_DEPLOY, Step, write
from daemon.sample.organisation import MANAGEMENT, PRODUCTION, SECURITY, Estate, place
from daemon.sample.record import Call
from daemon.sample.traffic.s3 import on_bucket

_HOME = place(MANAGEMENT)
_PLANT = place(PRODUCTION, "eu-west-1")
_TRAIL = "arn:aws:cloudtrail:us-east-1:111122223333:trail/organisation"
_SELECTORS = {
    "trailName": _TRAIL,
    "eventSelectors": [
        {
            "readWriteType": "ReadOnly",
            "includeManagementEvents": False,
            "dataResources": [],
            "excludeManagementEventSources": [],
        }
    ],
}


def _flow_logs(_estate: Estate, rng: Random) -> Call:
    request = {"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": ids.resource(rng, "fl")}}}
    answer = {"DeleteFlowLogsResponse": {"requestId": ids.uuid(rng), "unsuccessful": ""}}
    return Call("ec2", "DeleteFlowLogs", request, answer, read_only=False)


def _detector(_estate: Estate, rng: Random) -> Call:
    return Call("guardduty", "DeleteDetector", {"detectorId": ids.hexadecimal(rng, 32)}, read_only=False)


def _refused_deletion(_estate: Estate, _rng: Random) -> Call:
    """Fail to delete the trail: an attempt is worth an alert as well."""
    message = (
        f"User: arn:aws:sts::{MANAGEMENT.number}:assumed-role/deploy is not authorized to perform: "
        f"cloudtrail:DeleteTrail on resource: {_TRAIL} with an explicit deny in a service control policy"
    )
    return Call("cloudtrail", "DeleteTrail", {"name": _TRAIL}, read_only=False, error=("AccessDenied", message))


def _expire(estate: Estate, rng: Random) -> Call:
    """Let the archived logs vanish by tomorrow."""
    rule = {"ID": "cleanup", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    configuration = {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Rule": rule}
    bucket = f"example-{estate.account.name}-access-logs-{estate.region}"
    carried = on_bucket(estate, rng, bucket, {"lifecycle": "", "LifecycleConfiguration": configuration})
    return Call("s3", "PutBucketLifecycle", *carried, read_only=False)


BLINDING = (
    Step("11:48:20", _PLANT, STOLEN_DEPLOY, ("guardduty-turned-off",), _detector),
    Step(
        "11:50:44", _PLANT, STOLEN_DEPLOY, ("config-recorder-stopped",),
        write("config", "StopConfigurationRecorder", {"configurationRecorderName": "default"}),
    ),
    Step("11:55:02", _PLANT, STOLEN_DEPLOY, ("vpc-flow-logs-deleted",), _flow_logs),
    Step(
        "11:56:31", _PLANT, STOLEN_DEPLOY, ("audit-log-group-deleted",),
        write("logs", "DeleteLogGroup", {"logGroupName": "/vpc/production/flow-logs"}),
    ),
    Step(
        "12:02:48", _HOME, STOLEN_DEPLOY, ("cloudtrail-trail-narrowed",),
        write("cloudtrail", "PutEventSelectors", _SELECTORS),
    ),
    Step(
        "12:04:10", _HOME, STOLEN_DEPLOY, ("cloudtrail-trail-narrowed",),
        write("cloudtrail", "UpdateTrail", {"name": _TRAIL, "isMultiRegionTrail": False}),
    ),
    Step(
        "12:07:39", _HOME, STOLEN_DEPLOY, ("cloudtrail-trail-stopped",),
        write("cloudtrail", "StopLogging", {"name": _TRAIL}),
    ),
    Step("12:09:15", _HOME, STOLEN_DEPLOY, ("cloudtrail-trail-deleted",), _refused_deletion),
    Step("12:31:50", place(SECURITY), STOLEN_DEPLOY, ("s3-objects-expire-within-days",), _expire),
)  # fmt: skip
