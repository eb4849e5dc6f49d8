"""The workload of bench_log_filters.py: realistic filter patterns and CloudWatch Logs records of CloudTrail events."""

from __future__ import annotations

import gzip
import random
from typing import Any

import orjson

EVENTS_A_RECORD = 100
_SEARCHED = ("eventName", "eventSource", "errorCode", "userAgent", "sourceIPAddress", "recipientAccountId")
_SEARCHED_IN_IDENTITY = ("type", "arn", "accountId", "userName", "invokedBy")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_VERBS = _words("Delete Create Put Update Attach Detach Stop Start Modify Disable Authorize Get")
_NOUNS = _words(
    """Trail User Bucket BucketPolicy Role RolePolicy Key Group GroupPolicy Vpc Subnet RouteTable Alarm Rule Queue Topic
    Stream Function Cluster Instance Image Snapshot Volume Secret Certificate InternetGateway NetworkAcl Endpoint
    Listener Table Domain Repository AccessKey LoginProfile SecurityGroupIngress Detector LogGroup ConfigRule"""
)
_SERVICES = _words("iam s3 ec2 kms sts lambda cloudtrail rds sns sqs config organizations logs")
_ERRORS = _words(
    "AccessDenied Client.UnauthorizedOperation ThrottlingException NoSuchEntity InvalidInput ValidationException"
)
_AGENTS = _words("aws-cli Boto3 Terraform console.amazonaws.com aws-sdk-go kali python-requests S3Console")
_LEVELS = ("ERROR", "WARN", "FATAL", "CRITICAL")


def renewed(texts: list[str], turn: int) -> list[str]:
    """Return the CloudTrail events with new values in every field that the filters look at, other ones each turn."""
    return [_renewed(orjson.loads(text), f"-{turn}-{number}") for number, text in enumerate(texts)]


def _renewed(event: dict[str, Any], mark: str) -> str:
    for holder, names in ((event, _SEARCHED), (event["userIdentity"], _SEARCHED_IN_IDENTITY)):
        for name in names:
            if isinstance(holder.get(name), str):
                holder[name] += mark
    return orjson.dumps(event).decode()


def packed(texts: list[str]) -> list[bytes]:
    """Return the messages as CloudWatch Logs hands them to a subscription: gzip-ed records of many log events."""
    return [_record(start, texts[start : start + EVENTS_A_RECORD]) for start in range(0, len(texts), EVENTS_A_RECORD)]


def _record(start: int, texts: list[str]) -> bytes:
    events = [
        {"id": f"{start + index:056d}", "timestamp": 1_700_000_000_000 + index, "message": text}
        for index, text in enumerate(texts)
    ]
    record = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "aws-cloudtrail-logs",
        "logStream": "123456789012_CloudTrail_us-east-1",
        "subscriptionFilters": ["all"],
        "logEvents": events,
    }
    return gzip.compress(orjson.dumps(record))


def filters(count: int, seed: int = 1) -> dict[str, str]:
    """Return named patterns: half equality, a fifth wildcards, a fifth terms, a tenth regular expressions and slots."""
    writer = _Writer(random.Random(seed))
    kinds = (*[writer.equality] * 5, *[writer.wildcard] * 2, *[writer.terms] * 2, writer.expression_or_slots)
    return {f"filter-{number:05d}": kinds[number % len(kinds)]() for number in range(count)}


class _Writer:
    """Writes patterns as people do, with names drawn at random."""

    def __init__(self, source: random.Random) -> None:
        self._random = source

    def _name(self) -> str:
        return self._random.choice(_VERBS) + self._random.choice(_NOUNS)

    def _service(self) -> str:
        return self._random.choice(_SERVICES) + ".amazonaws.com"

    def _account(self) -> str:
        return f"{self._random.randrange(10**12):012d}"

    def equality(self) -> str:
        """Return a pattern of equalities joined as in the CIS benchmark."""
        alternatives = " || ".join(f"($.eventName = {self._name()})" for _ in range(self._random.randint(2, 10)))
        return self._random.choice(
            (
                f"{{ {alternatives} }}",
                f"{{ ($.eventSource = {self._service()}) && ({alternatives}) }}",
                f"{{ $.userIdentity.type=Root && $.userIdentity.invokedBy NOT EXISTS && $.eventName!={self._name()} }}",
                f'{{ $.eventName = "{self._name()}" && $.errorCode = "{self._random.choice(_ERRORS)}" }}',
                f'{{ $.recipientAccountId = "{self._account()}" && ({alternatives}) }}',
                f'{{ $.eventName = "ConsoleLogin" && $.userIdentity.accountId = "{self._account()}" }}',
                f"{{ $.userIdentity.userName = {self._random.choice(_NOUNS)} && $.readOnly IS FALSE }}",
            )
        )

    def wildcard(self) -> str:
        """Return a pattern with stars."""
        return self._random.choice(
            (
                f'{{ $.eventName = "{self._random.choice(_VERBS)}*" && $.eventSource = "{self._service()}" }}',
                f'{{ $.errorCode = "*{self._random.choice(_ERRORS)[3:]}" && $.eventName != "{self._name()}" }}',
                f'{{ $.userAgent = "*{self._random.choice(_AGENTS)}*" && $.eventName = "{self._name()}" }}',
                f'{{ $.userIdentity.arn = "arn:aws:*:{self._account()}:*/{self._random.choice(_NOUNS)}" }}',
                f'{{ $.eventName = "*{self._random.choice(_NOUNS)}" && $.sourceIPAddress != 10.* }}',
                f"{{ $.sourceIPAddress = {self._random.randrange(1, 224)}.{self._random.randrange(256)}.* }}",
            )
        )

    def terms(self) -> str:
        """Return an unstructured pattern."""
        optional = " ".join(f"?{self._name()}" for _ in range(self._random.randint(2, 6)))
        return self._random.choice(
            (
                optional,
                f"{self._name()} {self._random.choice(_ERRORS).split('.')[0]}",
                f'"{self._random.choice(_AGENTS)}" {self._name()} -{self._name()}',
                f'"{self._account()}" -{self._name()}',
                f"{self._random.choice(_LEVELS)} -{self._name()}",
            )
        )

    def expression_or_slots(self) -> str:
        """Return a pattern with a regular expression, or one of slots."""
        return self._random.choice(
            (
                f"{{ $.eventName = %^{self._random.choice(_VERBS)}[A-Z][a-z]+{self._random.choice(_NOUNS)}$% }}",
                f"{{ $.userAgent = %{self._random.choice(_AGENTS)}/[0-9]+\\.{self._random.randrange(90)}% }}",
                f"%arn:aws:iam::{self._account()[:6]}[0-9]{{6}}:{self._random.choice(('root', 'user', 'role'))}%",
                f"[time, request, level={self._random.choice(_LEVELS)}, ..., service={self._random.choice(_SERVICES)}]",
                f"[version, account, eni, from, to, sport, dport={self._random.randrange(65536)}, ..., act=REJECT, _]",
            )
        )
