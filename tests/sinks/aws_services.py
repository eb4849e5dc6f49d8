"""The sinks that call AWS through its client: their options, and how their service words an error.

test_aws_faults.py holds them to one contract.  sns and sqs, which came first, have the same in files of their own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.servers import Answer, status

_ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class AwsKind:
    """One `type`."""

    options: dict[str, Any]
    unknown: str = "ResourceNotFoundException"
    """What the service calls a stream, address or hub that is not there."""


AWS_KINDS = {
    "cloudwatch": AwsKind({"dimensions": {"Account": "$.account"}}),
    "firehose": AwsKind({"stream_arn": f"arn:aws:firehose:eu-west-1:{_ACCOUNT}:deliverystream/alerts"}),
    "kinesis": AwsKind({"stream_arn": f"arn:aws:kinesis:eu-west-1:{_ACCOUNT}:stream/alerts"}),
    "securityhub": AwsKind({"product_arn": f"arn:aws:securityhub:eu-west-1:{_ACCOUNT}:product/{_ACCOUNT}/default"}),
    "ses": AwsKind({"sender": "vigild@alerts.example", "recipients": ["ada@ops.example"]}, "NotFoundException"),
}

AWS_FORMS = frozenset({"cloudwatch", "securityhub", "ses"})
"""Those that give an alert a form of its own, instead of handing its body on."""


def aws_error(code: int, name: str, headers: dict[str, str] | None = None) -> Answer:
    """Return an error as services answer it that speak JSON, in the header and in the body."""
    body = json.dumps({"__type": name, "message": "no", "Message": "no"}).encode()
    return status(code, {"Content-Type": "application/json", "x-amzn-ErrorType": name, **(headers or {})}, body)
