"""The sinks that call AWS through its client: their options, and how their service words an error.

test_every_sink.py holds them to the contract of all sinks, test_aws_faults.py to what AWS in particular does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.servers import Answer, status

_ACCOUNT = "123456789012"


class Error(Protocol):
    """Makes the answer of a service that fails."""

    def __call__(self, code: int, name: str, headers: Mapping[str, str] = ...) -> Answer:
        """Return the answer with this status and this error code."""


def aws_error(code: int, name: str, headers: Mapping[str, str] = {}) -> Answer:
    """Return an error as services answer it that speak JSON, in the header and in the body."""
    body = json.dumps({"__type": name, "message": "no", "Message": "no"}).encode()
    return status(code, {"Content-Type": "application/json", "x-amzn-ErrorType": name, **headers}, body)


def query_error(code: int, name: str, headers: Mapping[str, str] = {}) -> Answer:
    """Return an error as services answer it that speak the older query protocol."""
    text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{name}</Code><Message>no</Message></Error></ErrorResponse>"
    return status(code, {"Content-Type": "text/xml", **headers}, text.encode())


@dataclass(frozen=True, slots=True)
class AwsKind:
    """One `type`."""

    options: dict[str, Any]
    unknown: str = "ResourceNotFoundException"
    """What the service calls a stream, address, topic or hub that is not there."""
    error: Error = aws_error


AWS_KINDS = {
    "cloudwatch": AwsKind({"dimensions": {"Account": "$.account"}}),
    "firehose": AwsKind({"stream_arn": f"arn:aws:firehose:eu-west-1:{_ACCOUNT}:deliverystream/alerts"}),
    "kinesis": AwsKind({"stream_arn": f"arn:aws:kinesis:eu-west-1:{_ACCOUNT}:stream/alerts"}),
    "securityhub": AwsKind({"product_arn": f"arn:aws:securityhub:eu-west-1:{_ACCOUNT}:product/{_ACCOUNT}/default"}),
    "ses": AwsKind({"sender": "vigild@alerts.example", "recipients": ["ada@ops.example"]}, "NotFoundException"),
    "sns": AwsKind({"topic_arn": f"arn:aws:sns:eu-west-1:{_ACCOUNT}:alerts"}, "NotFound", query_error),
    "sqs": AwsKind(
        {"queue_url": f"https://sqs.eu-west-1.amazonaws.com/{_ACCOUNT}/alerts"},
        "com.amazonaws.sqs#QueueDoesNotExist",
    ),
}

AWS_FORMS = frozenset({"cloudwatch", "securityhub", "ses"})
"""Those that give an alert a form of its own, instead of handing its body on."""
