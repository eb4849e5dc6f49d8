"""Which source sends which `detail-type`; finds pairs and spellings that do not exist.

Sources: Amazon EventBridge Events Reference, a page for each service (events-ref-<service>: its `source`, and its
events by `detail-type`); EventBridge User Guide, "AWS service events delivered via AWS CloudTrail"
(eb-service-event-cloudtrail).  The table is far from complete on purpose: what is not in it is not judged, unless it
is a name of the table in other letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from daemon.match.eventbridge.pattern import Alternative
from daemon.match.lint.findings import Finding, LintCode, Subject, tests_on, texts_on

_ANY: Final = None
_SENDERS: Final[Mapping[str, str | None]] = {
    "AWS API Call via CloudTrail": _ANY,
    "AWS Service Event via CloudTrail": _ANY,
    "AWS Console Sign In via CloudTrail": "aws.signin",
    "AWS Insight via CloudTrail": _ANY,
    "AWS Health Event": "aws.health",
    "Access Analyzer Finding": "aws.access-analyzer",
    "CloudWatch Alarm State Change": "aws.cloudwatch",
    "Config Rules Compliance Change": "aws.config",
    "EBS Snapshot Notification": "aws.ec2",
    "EC2 Instance State-change Notification": "aws.ec2",
    "EC2 Spot Instance Interruption Warning": "aws.ec2",
    "ECS Task State Change": "aws.ecs",
    "GuardDuty Finding": "aws.guardduty",
    "Inspector2 Finding": "aws.inspector2",
    "Macie Finding": "aws.macie",
    "Security Hub Findings - Imported": "aws.securityhub",
}
"""None: several sources."""

_NO_LETTER: Final = re.compile(r"[^a-z0-9]")
_HOST: Final = re.compile(r"([a-z0-9-]+)\.amazonaws\.com(\.cn)?")


def detail_types(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each detail-type or source that no event has, or that do not go together."""
    for alternative in subject.sample:
        yield from _sources(alternative)
        for kind, place in texts_on(alternative, "detail-type"):
            meant = _SPELLINGS.get(_letters(kind))
            if meant and meant != kind:
                yield Finding(LintCode.UNKNOWN_DETAIL_TYPE, place, f"no source sends {kind!r}; did you mean {meant!r}?")
            elif kind in _SENDERS:
                yield from _pair(alternative, kind, place)


def _sources(alternative: Alternative) -> Iterator[Finding]:
    for source, place in texts_on(alternative, "source"):
        host = _HOST.fullmatch(source)
        if host:
            message = f"{source!r} is CloudTrail's eventSource; EventBridge's source is 'aws.{host[1]}'"
            yield Finding(LintCode.UNKNOWN_DETAIL_TYPE, place, message)


def _pair(alternative: Alternative, kind: str, place: str) -> Iterator[Finding]:
    sender, tests = _SENDERS[kind], tests_on(alternative, "source")
    if sender and tests and not any(test.holds(sender) for test, _ in tests):
        message = f"{kind!r} comes from {sender}, which `source` rules out"
        yield Finding(LintCode.UNKNOWN_DETAIL_TYPE, place, message)


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text.lower())


_SPELLINGS: Final = {_letters(name): name for name in _SENDERS}
