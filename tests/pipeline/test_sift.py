"""What the sieve takes for seen before."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from daemon.clock import SystemClock
from daemon.decode import DecodeLimits, Decoder
from daemon.dedupe.window import SettledWindow
from daemon.event import Delivery, Framing
from daemon.pipeline.sift import Sieve
from daemon.rules import RuleSet
from daemon.rules.load import load_rules
from daemon.telemetry import build_telemetry

pytestmark = pytest.mark.anyio

RULES = """
rules:
  - name: deleted
    description: Somebody deleted a trail of ours.
    log: {groups: [CloudTrail/ours], filter: '{ $.eventName = "DeleteTrail" }'}
  - name: stopped
    description: Somebody stopped a trail of the organisation.
    log: {groups: [CloudTrail/all], filter: '{ $.eventName = "StopLogging" }'}
  - name: by-root
    description: Root did something.
    pattern: {detail: {userIdentity: {type: [Root]}}}
"""


def trail_record(group: str, number: int) -> Delivery:
    """Return one CloudTrail record as a trail's log group hands it on."""
    record = {
        "eventID": "one",
        "eventSource": "cloudtrail.amazonaws.com",
        "eventType": "AwsApiCall",
        "eventName": "StopLogging",
        "userIdentity": {"type": "Root"},
    }
    body = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": group,
        "logStream": "one",
        "subscriptionFilters": ["all"],
        "logEvents": [{"id": str(number), "timestamp": 1, "message": orjson.dumps(record).decode()}],
    }
    return Delivery(
        source="stream", identity=f"kinesis:{number}", body=orjson.dumps(body), receipt=None, received_at=1.0
    )


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    (tmp_path / "rules.yaml").write_text(RULES)
    return load_rules([tmp_path], ["alerts"], ["alerts"])


async def test_a_delivery_of_rubbish_is_parked_once_as_it_came(rules: RuleSet) -> None:
    """After a thousand of its pieces the delivery itself stands for all others; what can be read is read."""
    telemetry = build_telemetry()
    sieve = Sieve(Decoder(DecodeLimits()), SettledWindow(100), rules, telemetry, SystemClock())
    rubbish = b"".join(b'{"a":%d\n' % number for number in range(3_000))
    body = gzip.compress(rubbish + b'{"detail":{"userIdentity":{"type":"Root"}}}\n')
    delivery = Delivery(
        source="queue", identity="sqs:one", body=body, receipt=None, received_at=1.0, framing=Framing.LINES
    )
    chunks = [chunk async for chunk in sieve.sift("queue", [delivery])]
    refused = [rejection for chunk in chunks for _, rejection in chunk.rejections]

    assert len({rejection.identity for rejection in refused}) == len(refused) == 1_001
    assert (refused[-1].identity, refused[-1].body) == ("sqs:one", body)
    received = sum(value for _, value in telemetry.metrics.values("events_received_total"))
    assert received == 1_002


async def test_an_event_out_of_two_log_groups_meets_the_rules_on_each(rules: RuleSet) -> None:
    """What one trail's group brought does not hide the same event from the rules on another's; nothing is new later."""
    sieve = Sieve(Decoder(DecodeLimits()), SettledWindow(100), rules, build_telemetry(), SystemClock())

    found: list[list[str]] = []
    for number, group in enumerate(["CloudTrail/ours", "CloudTrail/all", "CloudTrail/ours", "CloudTrail/all"]):
        async for chunk in sieve.sift("stream", [trail_record(group, number)]):
            found.append([rule.name for _, match in chunk.matches for rule in match.rules])
            for _, match in chunk.matches:
                sieve.remember(match.event)

    assert found == [["by-root"], ["stopped", "by-root"], [], []]
