"""Who did what, from where, to what: the same facts wherever an alert is read by people."""

from __future__ import annotations

import json
from dataclasses import replace
from email import message_from_bytes
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.clients import AwsClients, AwsSettings
from daemon.event import Event
from daemon.sinks.asff import Product, finding_of
from daemon.sinks.base import Incident
from daemon.sinks.facts import facts_of
from daemon.sinks.mail import mail_of
from daemon.sinks.smtp import SmtpConfig
from daemon.sinks.stdout import _text_line
from tests.servers import serve
from tests.sinks.examples import HOSTILE_EVENT, notice
from tests.sinks.rigs import build_sink
from tests.sinks.services import PEOPLE, SERVICES

ARN = "arn:aws:iam::111122223333:user/mallory"
CALL = {
    "source": "aws.cloudtrail",
    "detail-type": "AWS API Call via CloudTrail",
    "account": "111122223333",
    "region": "eu-west-1",
    "time": "2026-01-02T12:00:00Z",
    "resources": [],
    "detail": {
        "eventSource": "cloudtrail.amazonaws.com",
        "eventName": "StopLogging",
        "userIdentity": {"type": "IAMUser", "arn": ARN, "accountId": "111122223333", "userName": "mallory"},
        "sourceIPAddress": "203.0.113.7",
        "requestParameters": {"name": "main", "clientToken": "9f"},
    },
}
FACTS = (ARN, "StopLogging (cloudtrail)", "203.0.113.7", "name=main", "111122223333/eu-west-1", "2026-01-02T12:00:00Z")


def line(event: dict[str, Any], identity: str = "id-1") -> str:
    """Return the facts of an event as a phrase."""
    sent = notice(json.dumps(event).encode())
    return facts_of(replace(sent, event=Event(identity, sent.event.body, ""))).line()


def call(**detail: Any) -> dict[str, Any]:
    """Return an API call with other details."""
    return {**CALL, "detail": {**CALL["detail"], **detail}}  # type: ignore[dict-item] # CALL["detail"] is a dict


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (CALL, f"StopLogging (cloudtrail) by {ARN} from 203.0.113.7 on name=main"),
        (
            call(errorCode="AccessDenied", errorMessage="not you"),
            f"StopLogging (cloudtrail) by {ARN} from 203.0.113.7 on name=main: AccessDenied: not you",
        ),
        (
            call(resources=[{"ARN": "arn:aws:s3:::b", "type": "AWS::S3::Bucket"}, {"type": "no ARN"}, 7]),
            f"StopLogging (cloudtrail) by {ARN} from 203.0.113.7 on arn:aws:s3:::b",
        ),
        (
            call(requestParameters={"instancesSet": {"items": [{"instanceId": f"i-{n}"} for n in range(5)]}}),
            f"StopLogging (cloudtrail) by {ARN} from 203.0.113.7 on instanceId=i-0, instanceId=i-1, instanceId=i-2, …",
        ),
        (
            call(
                eventSource="signin.amazonaws.com",
                eventName="ConsoleLogin",
                userIdentity={"type": "Root", "arn": "arn:aws:iam::1:root"},
                requestParameters=None,
                responseElements={"ConsoleLogin": "Failure"},
            ),
            "ConsoleLogin (signin) by arn:aws:iam::1:root from 203.0.113.7: Failure",
        ),
        (
            call(userIdentity={"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, requestParameters="odd"),
            "StopLogging (cloudtrail) by ec2.amazonaws.com from 203.0.113.7",
        ),
        (
            {
                "detail-type": "EC2 Instance State-change Notification",
                "resources": [f"i-{n}" for n in range(5)],
                "detail": {"instance-id": "i-0", "state": "stopped"},
            },
            "EC2 Instance State-change Notification on i-0, i-1, i-2 and 2 more: stopped",
        ),
        (
            {
                "detail-type": "CloudWatch Alarm State Change",
                "detail": {"alarmName": "cpu", "state": {"value": "ALARM"}},
            },
            "CloudWatch Alarm State Change on alarmName=cpu: ALARM",
        ),
        (
            {
                "detail-type": "Security Hub Findings - Imported",
                "resources": ["f"],
                "detail": {"findings": [{"Title": "Open"}]},
            },
            "Security Hub Findings - Imported on f: Open",
        ),
        ({}, ""),
    ],
)
def test_an_event_says_who_did_what(event: dict[str, Any], expected: str) -> None:
    """API calls by their own fields, other events by those that AWS's services share."""
    assert line(event) == expected


def test_a_plan_that_waits_says_how_to_answer() -> None:
    """An event of our own tells what the action is about to do and how to approve it; a stranger's like it does not."""
    event = {
        "source": "vigild",
        "detail-type": "Vigild Action",
        "resources": ["sg-1"],
        "detail": {
            "intent": "5117",
            "action": "close-ssh",
            "type": "ec2.restrict-ingress",
            "mode": "approve",
            "ending": "waiting",
            "summary": "remove 0.0.0.0/0 from tcp/22",
            "approve-url": "https://vigild.example/approve?t=1",
        },
    }
    expected = (
        "close-ssh (ec2.restrict-ingress, approve) waiting on sg-1: remove 0.0.0.0/0 from tcp/22;"
        " vigild approve 5117, or https://vigild.example/approve?t=1"
    )

    assert line(event, "vigild:5117:waiting") == expected
    assert line(event, "eventbridge:1") == "Vigild Action on sg-1"


def test_facts_of_several_alerts_are_an_example() -> None:
    """A note of a group names the resources of all its alerts; what was done, and by whom, is one of them."""
    group = {"count": 41, "resources": 12, "named-resources": ["i-1", "i-2", "i-3", "i-4"]}
    sent = notice(json.dumps({**CALL, "vigild-group": group}).encode())
    note = facts_of(replace(sent, incident=Incident("vigild/1", is_over=False)))

    said = f"StopLogging (cloudtrail) by {ARN} from 203.0.113.7 on i-1, i-2, i-3 and 9 more"
    assert note.line() == f"e.g. {said}"
    assert note.named()[0] == ("What", "e.g. StopLogging (cloudtrail)")
    assert facts_of(sent).line() == said.replace("i-1, i-2, i-3 and 9 more", "name=main")


_WORDS = (
    "detail eventName userIdentity arn resources ARN requestParameters state findings Title vigild-group count "
    "named-resources source action name account"
)
_keys = st.sampled_from(_WORDS.split())
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=50)
@given(_values | st.dictionaries(_keys, _values))
def test_no_event_is_too_odd(event: object) -> None:
    """Whatever stands where a fact is expected, there is one line, or none."""
    sent = notice(json.dumps(event).encode())
    for asked in (sent, replace(sent, incident=Incident("x", is_over=False))):
        found = facts_of(asked)
        assert all(value.isprintable() for _, value in found.named())
        assert found.line().isprintable()


@pytest.mark.parametrize("body", [b"\xff", b'{"a":' * 9_000 + b"1" + b"}" * 9_000, HOSTILE_EVENT])
def test_what_cannot_be_read_is_no_fact(body: bytes) -> None:
    """Bytes that are no JSON, or nested too deep, leave the alert without facts, and never stop it."""
    assert all(value.isprintable() for _, value in facts_of(notice(body)).named())


def test_a_line_on_the_terminal_has_them() -> None:
    """An on-call person reads time, rule, place, description and who did what on one line."""
    said = _text_line(notice(json.dumps(CALL).encode(), description="Somebody stopped the trail.")).decode()

    assert said.endswith(
        "111122223333/eu-west-1 Somebody stopped the trail."
        f" | StopLogging (cloudtrail) by {ARN} from 203.0.113.7 on name=main"
    )


@pytest.mark.anyio
@pytest.mark.parametrize("kind", SERVICES)
async def test_every_service_is_told_them(kind: str) -> None:
    """Chat, pager and Alertmanager carry the same facts, also where a text of the rule's own stands for the event."""
    async with serve() as server:
        sink = build_sink(AwsClients(AwsSettings()), {"type": kind, "url": server.url, **SERVICES[kind]})
        await sink.open()
        await sink.send(replace(notice(json.dumps(CALL).encode()), body=b"own text", content_type="text/plain"))
        await sink.close()
        (request,) = server.requests

    assert [fact for fact in FACTS if fact not in request.body.decode()] == []


def test_mails_and_findings_have_them() -> None:
    """What a mail says above the event, and a finding in its fields, are the same facts."""
    sent = replace(notice(json.dumps(CALL).encode()), body=b"own text", content_type="text/plain")
    mail = message_from_bytes(
        mail_of(sent, SmtpConfig.model_validate({"type": "smtp", "host": "relay.example", **PEOPLE}), 0.0)
    ).get_payload(decode=True)
    finding = finding_of(sent, Incident("x", is_over=False), Product("arn:aws:x:y:z:1:p", ()), 0.0, None)

    assert isinstance(mail, bytes)
    assert [fact for fact in FACTS if fact not in mail.decode()] == []
    assert [fact for fact in FACTS if fact not in json.dumps(finding["ProductFields"])] == []
