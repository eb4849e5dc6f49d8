"""Findings in Security Hub: what an alert looks like as one, what updates it, and what becomes of those that fail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiohttp import web
from pydantic import ValidationError

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import FailureKind, PermanentError, RetryableError
from daemon.sinks.asff import Product, finding_of
from daemon.sinks.base import Incident, Notice, Severity, Sink
from daemon.sinks.securityhub import SecurityhubConfig
from tests.emulators import REGION
from tests.servers import Answer, serve
from tests.sinks.aws_rigs import securityhub_rig
from tests.sinks.aws_services import AWS_KINDS
from tests.sinks.examples import EVENT, HOSTILE_EVENT, notice
from tests.sinks.rigs import build_sink
from tests.sinks.test_batching import outcomes

pytestmark = pytest.mark.anyio

OPTIONS = AWS_KINDS["securityhub"].options
PRODUCT = Product(OPTIONS["product_arn"], ("Unusual Behaviors",))
NOW = 1_795_000_000.0


def finding(sent: Notice, *, is_over: bool = False, resource: str | None = None) -> dict[str, Any]:
    return finding_of(sent, Incident(sent.key, is_over), PRODUCT, NOW, resource)


def about(*resources: Any) -> list[dict[str, str]]:
    """Return the resources of the finding of an event that lists these."""
    body = json.dumps({"account": "210987654321", "region": "eu-west-1", "resources": list(resources)}).encode()
    found: list[dict[str, str]] = finding(notice(body))["Resources"]
    return found


def test_what_a_finding_says() -> None:
    """Everything that Security Hub requires, and where the alert came from."""
    sent = notice()
    made = finding(sent)
    assert {
        "SchemaVersion": "2018-10-08",
        "Id": f"vigild/{sent.key}",
        "ProductArn": PRODUCT.arn,
        "GeneratorId": "vigild/instance-started",
        "AwsAccountId": "123456789012",
        "CreatedAt": "2026-11-11T21:29:54.000Z",
        "UpdatedAt": "2026-11-18T11:06:40.000Z",
        "Title": sent.subject,
        "Description": "An instance was started",
        "RecordState": "ACTIVE",
        "FindingProviderFields": {
            "Severity": {"Label": "HIGH", "Original": "high"},
            "Types": ["Unusual Behaviors"],
        },
    }.items() <= made.items()
    assert made["ProductFields"]["vigild/account"] == "123456789012"
    assert "i-0123456789" in made["ProductFields"]["vigild/event"]


@pytest.mark.parametrize(
    ("severity", "label"),
    [("info", "INFORMATIONAL"), ("low", "LOW"), ("medium", "MEDIUM"), ("high", "HIGH"), ("critical", "CRITICAL")],
)
def test_severities(severity: str, label: str) -> None:
    """Each of ours has one of theirs."""
    made = finding(replace(notice(), severity=Severity(severity)))
    assert label == made["FindingProviderFields"]["Severity"]["Label"]


def test_resources() -> None:
    """What the event lists, once each, by type where the ARN tells it; else the account; never more than 32."""
    instance = "arn:aws:ec2:eu-west-1:210987654321:instance/i-1"
    assert about(instance, instance, "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/key", "x\n", 7) == [
        {"Type": "AwsEc2Instance", "Id": instance, "Partition": "aws", "Region": "eu-west-1"},
        {"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::bucket", "Partition": "aws"},
        {"Type": "AwsS3Object", "Id": "arn:aws:s3:::bucket/key", "Partition": "aws"},
        {"Type": "Other", "Id": "x\\x0a"},
    ]
    assert about() == about(" ", {}) == [{"Type": "AwsAccount", "Id": "AWS::::Account:210987654321"}]
    assert len(about(*(f"r{number}" for number in range(100)))) == 32
    named = finding(notice(), resource="$.detail.instance-id")["Resources"]
    assert named == [{"Type": "Other", "Id": "i-0123456789"}]


@pytest.mark.parametrize(
    "body",
    [
        HOSTILE_EVENT,
        b'{"detail":{"x":"run\xffning"}}',
        b'{"a":' * 400 + b"1" + b"}" * 400,
        b'{"resources":["\\ud800"]}',
        b"null",
        b"[1]",
        json.dumps({"account": "x" * 5_000, "resources": ["\u20ac" * 5_000] * 40, "d": "\u20ac" * 500_000}).encode(),
    ],
)
def test_no_event_makes_a_finding_that_is_refused(body: bytes) -> None:
    """Hostile, broken or huge: texts within their lengths, none blank, no control characters, small as a whole."""
    sent = notice(body, description=" \r\n")
    sent = replace(sent, event=msgspec.structs.replace(sent.event, time="0000-99-99\n"))
    made = finding_of(sent, Incident("k\x1b[2J\n" + "i" * 600, is_over=True), PRODUCT, NOW, None)
    lengths = {"Id": 512, "GeneratorId": 512, "Title": 256, "Description": 1_024}
    assert all(0 < len(made[name].strip()) <= most and made[name].isprintable() for name, most in lengths.items())
    assert all(0 < len(value.strip()) <= 2_048 for value in made["ProductFields"].values())
    assert 1 <= len(made["Resources"]) <= 32
    assert all(each["Id"].isprintable() and 0 < len(each["Id"]) <= 512 for each in made["Resources"])
    assert len(json.dumps(made, ensure_ascii=False).encode()) < 240_000
    assert made["RecordState"] == "ARCHIVED"


@pytest.fixture
async def moto_hub(moto_clients: AwsClients) -> AsyncIterator[tuple[AwsClients, dict[str, Any]]]:
    async with securityhub_rig(moto_clients) as rig:
        yield moto_clients, {"arrived": rig.arrived, **rig.options}


async def test_an_incident_is_one_finding_and_its_end_archives_it(
    moto_hub: tuple[AwsClients, dict[str, Any]],
) -> None:
    """Alerts of one alarm update one finding in emulated Security Hub; a repeat does not make another."""
    aws, options = moto_hub
    arrived = options.pop("arrived")
    sink = build_sink(aws, {**options, "incident": "$.detail.alarmName", "resolved_at": "$.detail.state"})

    def alarm(state: str) -> Notice:
        return notice(json.dumps({"detail": {"alarmName": "cpu", "state": state}}).encode())

    opened = alarm("ALARM")
    for sent, state in ((opened, "ACTIVE"), (opened, "ACTIVE"), (alarm("OK"), "ARCHIVED")):
        await sink.send(sent)
        (found,) = [json.loads(text) for text in await arrived()]
        assert ("vigild/instance-started/cpu", state) == (found["Id"], found["RecordState"])


async def answered_by(answer: Answer, sent: list[Notice], **options: Any) -> tuple[dict[str, Any], list[list[str]]]:
    """Send all at once; return what was raised by key, and the Ids in each call."""
    async with serve(answer) as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        sink: Sink = build_sink(aws, {"type": "securityhub", **OPTIONS, **options})
        await sink.open()
        found = await outcomes(sink, sent)
        await aws.close()
        calls = [json.loads(request.body)["Findings"] for request in server.requests]
    return found, [[each["Id"] for each in call] for call in calls]


def failing(bad: str, code: str) -> Answer:
    """Return an answer that fails the finding of this alert."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        ids = [each["Id"] for each in json.loads(await request.read())["Findings"]]
        failed = [{"Id": each, "ErrorCode": code, "ErrorMessage": "no"} for each in ids if bad in each]
        count = {"FailedCount": len(failed), "SuccessCount": len(ids) - len(failed)}
        return web.json_response({**count, "FailedFindings": failed})

    return answer


@pytest.mark.parametrize(
    ("code", "error", "kind"),
    [
        ("InvalidInput", PermanentError, FailureKind.REFUSED),
        ("InternalError", RetryableError, FailureKind.SERVER_ERROR),
        ("LimitExceededException", RetryableError, FailureKind.THROTTLED),
    ],
)
async def test_only_what_failed_fails(code: str, error: type[Exception], kind: FailureKind) -> None:
    """The finding that the answer names has its error, the others of the call are there."""
    sent = [notice() for _ in range(150)]
    found, calls = await answered_by(failing(sent[5].key, code), sent)
    failed = {key: raised for key, raised in found.items() if raised is not None}
    assert {sent[5].key: (error, kind)} == {key: (type(raised), raised.kind) for key, raised in failed.items()}
    assert max(len(call) for call in calls) <= 100


async def test_a_finding_is_in_a_call_once() -> None:
    """Alerts of one incident sent at the same time go one after the other, in their order."""
    sent = [notice() for _ in range(4)]
    _, calls = await answered_by(failing("nothing", ""), sent, incident="$.detail.instance-id")
    assert calls == [["vigild/instance-started/i-0123456789"]] * 4


async def test_an_answer_that_does_not_say_which_failed() -> None:
    """Is repeated."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"FailedCount": 1, "SuccessCount": 0, "FailedFindings": []})

    found, _ = await answered_by(answer, [notice()])
    (raised,) = found.values()
    assert (RetryableError, FailureKind.SERVER_ERROR) == (type(raised), raised.kind)


@pytest.mark.parametrize(
    "options",
    [
        {"product_arn": "vigild"},
        {"product_arn": "arn:aws:sns:eu-west-1:123456789012:alerts"},
        {"finding_types": ["Nonsense/x"]},
        {"finding_types": []},
        {"resource": "detail"},
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any]) -> None:
    """The mistake stops the start."""
    with pytest.raises(ValidationError):
        SecurityhubConfig.model_validate({"type": "securityhub", **OPTIONS, **options})


def test_the_event_without_time_is_of_now() -> None:
    """A finding needs a time of creation."""
    sent = replace(notice(), event=msgspec.structs.replace(notice(EVENT).event, time=""))
    assert finding(sent)["CreatedAt"] == "2026-11-18T11:06:40.000Z"
