"""Alerts counted by CloudWatch: dimensions and times that it takes, whatever the events say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.sinks.base import Notice, SinkContext
from daemon.sinks.cloudwatch import CloudwatchConfig, CloudwatchSink
from tests.clocks import HandWound
from tests.secret_stores import secrets_of
from tests.sinks.aws_rigs import cloudwatch_rig
from tests.sinks.examples import EVENT, HOSTILE_EVENT, notice
from tests.sinks.rigs import build_sink
from tests.sinks.test_batching import outcomes

pytestmark = pytest.mark.anyio


def points(sent: list[Notice], now: float | None = None, **options: Any) -> list[dict[str, Any]]:
    """Return the data points that alerts become."""
    config = CloudwatchConfig.model_validate({"type": "cloudwatch", **options})
    clock = SystemClock() if now is None else HandWound(now)
    sink = CloudwatchSink("under-test", config, SinkContext(clock, AwsClients.__new__(AwsClients), secrets_of()))
    return [sink._entry(each)[0] for each in sent]


def dimensions(point: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in point["Dimensions"]}


async def test_alerts_are_counted(moto_clients: AwsClients) -> None:
    """Emulated CloudWatch counts each alert once, apart by rule, severity and what the event says."""
    async with cloudwatch_rig(moto_clients) as rig:
        sink = build_sink(moto_clients, {**rig.options, "dimensions": {"Account": "$.account"}})
        sent = [notice(EVENT.replace(b"123456789012", account)) for account in (b"1", b"1", b"2")]
        assert set((await outcomes(sink, sent)).values()) == {None}
        counted = [{each["Name"]: each["Value"] for each in json.loads(text)} for text in await rig.arrived()]
        assert "metrics Alerts" in await sink.check()
    assert sorted(each["Account"] for each in counted) == ["1", "1", "2"]
    assert {(each["Rule"], each["Severity"]) for each in counted} == {("instance-started", "high")}


def test_values_are_bounded_in_number() -> None:
    """The first ones count under their own name, those after them together; those known stay known."""
    sent = [notice(EVENT.replace(b"123456789012", f"{number}".encode())) for number in (1, 2, 3, 2, 4)]
    made = points(sent, dimensions={"Account": "$.account"}, max_values=2)
    assert [dimensions(point)["Account"] for point in made] == ["1", "2", "(other)", "2", "(other)"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (EVENT.replace(b"123456789012", b"caf\xc3\xa9 \\u001b[2J"), "caf\\xe9 \\x1b[2J"),
        (EVENT.replace(b"123456789012", b"x" * 3_000), "x" * 255),
        (EVENT.replace(b"123456789012", b" \\n"), "\\n"),
        (EVENT.replace(b"123456789012", b" "), "(none)"),
        (EVENT.replace(b'"123456789012"', b"[]"), "(none)"),
        (HOSTILE_EVENT, "(none)"),
        (b"\xff", "(none)"),
    ],
)
def test_any_event_has_values_that_cloudwatch_takes(body: bytes, expected: str) -> None:
    """Printable ASCII, not blank, not too long."""
    (point,) = points([notice(body)], dimensions={"Account": "$.account"})
    assert expected == dimensions(point)["Account"]


@pytest.mark.parametrize(("days", "kept"), [(0, True), (-13, True), (-15, False), (0.05, True), (1, False)], ids=str)
def test_a_time_that_cloudwatch_would_refuse_becomes_now(days: float, kept: bool) -> None:  # noqa: FBT001 - a parameter
    """Two weeks back and two hours ahead are taken."""
    happened = datetime(2026, 11, 11, 21, 29, 54, tzinfo=UTC)
    now = happened - timedelta(days=days)
    (point,) = points([notice()], now=now.timestamp())
    assert (happened if kept else now) == point["Timestamp"]


@pytest.mark.parametrize(
    "options",
    [
        {"namespace": "AWS/EC2"},
        {"namespace": ":x"},
        {"namespace": ""},
        {"metric_name": "caf\u00e9"},
        {"dimensions": {":x": "$.account"}},
        {"dimensions": {"x": "account"}},
        {"dimensions": {f"d{number}": "$.account" for number in range(29)}},
        {"dimensions": {"Rule": "$.account"}},
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any]) -> None:
    """The mistake stops the start."""
    with pytest.raises(ValidationError):
        CloudwatchConfig.model_validate({"type": "cloudwatch", **options})
