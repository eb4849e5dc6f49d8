"""Runs the tests written beside the rules: `vigild test` prints the verdicts, exits with 1 when one is wrong.

A test's event goes through the same decoder as a delivered one, so a CloudTrail record may stand there as S3 holds it;
a log event goes through it in the record of a subscription.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from daemon.decode import DecodeLimits, Decoder
from daemon.errors import DecodeError
from daemon.event import Delivery, Event, Rejection
from daemon.rules import Rule, RuleSet
from daemon.rules.model import LogTest, RuleTest

_TEST_TIME_MILLISECONDS = 1_767_323_045_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one test."""

    rule: Rule
    test: RuleTest
    matched: bool
    fault: str = ""
    """Why the event could not be read, else empty."""
    events: tuple[Event, ...] = ()
    """What the decoder made of it."""

    @property
    def passed(self) -> bool:
        """Whether the rule did as the test says."""
        return not self.fault and self.matched == self.test.match


def run_tests(rule_set: RuleSet, event_log_groups: tuple[str, ...] | None = None) -> Iterator[Verdict]:
    """Yield a verdict for each test of each rule, in order; events may stand in log groups as `limits` has it."""
    decoder = Decoder(DecodeLimits(event_log_groups=event_log_groups))
    for rule in rule_set.rules.values():
        for test in rule.tests:
            yield _try(rule_set, decoder, rule, test)


def _try(rule_set: RuleSet, decoder: Decoder, rule: Rule, test: RuleTest) -> Verdict:
    body = orjson.dumps(test.event if test.log is None else _record(test.log))
    delivery = Delivery(source="test", identity="test", body=body, receipt=None, received_at=0.0)
    matched: set[str] = set()
    events: list[Event] = []
    for item in decoder.decode(delivery):
        if isinstance(item, Rejection):
            return Verdict(rule, test, matched=False, fault=f"{item.reason}: {item.detail}")
        events.append(item)
        try:
            matched.update(rule_set.find(item))
        except DecodeError as error:
            return Verdict(rule, test, matched=False, fault=str(error))
    return Verdict(rule, test, matched=rule.matched.name in matched, events=tuple(events))


def _record(log: LogTest) -> dict[str, Any]:
    message = log.message if isinstance(log.message, str) else orjson.dumps(log.message).decode()
    log_event = {"id": "test", "timestamp": _TEST_TIME_MILLISECONDS, "message": message}
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": log.group,
        "logStream": log.stream,
        "subscriptionFilters": ["test"],
        "logEvents": [log_event],
    }
