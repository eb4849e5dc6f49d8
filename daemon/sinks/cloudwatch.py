"""Alerts as a CloudWatch metric: how many, of which rule, at what severity, and of what else the events say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from daemon.clients import answered
from daemon.clients.estate import RegionName
from daemon.errors import EffectError, FailureKind, RetryableError
from daemon.grants import Grant, Place
from daemon.sinks.base import Notice, SinkContext
from daemon.sinks.batching import BatchingConfig, BatchingSink, Entry
from daemon.sinks.event_path import EventPath, texts_at
from daemon.sinks.event_time import time_of
from daemon.sinks.gathering import Limits
from daemon.text_form import TextForm

_OLDEST_SECONDS = 14 * 86_400.0
_NEWEST_SECONDS = 2 * 3_600.0
"""From now: what CloudWatch takes as a time (API reference, PutMetricData)."""
_MARGIN_SECONDS = 600.0
_LONGEST_VALUE = 255
"""Characters; CloudWatch takes 1,024."""
_OTHER, _MISSING = "(other)", "(none)"
_OVERHEAD_BYTES = 200
"""Of a data point beside its names and values."""

Ascii = Annotated[
    str,
    TextForm(
        r"^[!-9;-~]([ -~]{0,253}[!-~])?$",
        "at most 255 ASCII characters, no colon or blank first and no blank last",
        "Environment",
    ),
]
"""1 to 255 printable ASCII characters, no colon at the beginning."""

Namespace = Annotated[
    str,
    TextForm(
        r"^[A-Za-z0-9._/#-][A-Za-z0-9._/#: -]{0,254}$", "at most 255 letters, digits and . _ / # : -", "Security/Alerts"
    ),
]


class CloudwatchConfig(BatchingConfig):
    """Counts each alert, or with `group` each note: one data point with the value 1, with the dimensions Rule and
    Severity and those named here.  What a crash repeats is counted twice.

    Needs the permissions cloudwatch:PutMetricData and, for `vigild check`, cloudwatch:ListMetrics.
    """

    type: Literal["cloudwatch"]
    namespace: Namespace = "vigild"
    """Not one of AWS's own."""
    metric_name: Ascii = "Alerts"
    """Under which all alerts of this target count."""
    dimensions: dict[Ascii, EventPath] = Field(default_factory=dict, max_length=28)
    """By name: where the event has its value, `Account: $.account` for instance."""
    max_values: int = Field(default=100, ge=1, le=10_000)
    """Of one such dimension: further ones count as "(other)", for every combination is a metric that costs money."""
    region: RegionName | None = None
    """Where the metric is; the daemon's own region unless given."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.namespace.startswith("AWS/"):
            raise ValueError("namespace: those under AWS/ are AWS's own")
        if {"Rule", "Severity"} & self.dimensions.keys():
            raise ValueError("dimensions: Rule and Severity are set by vigild itself")
        return self

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """See SinkConfig."""
        del place
        return (Grant(("cloudwatch:PutMetricData", "cloudwatch:ListMetrics"), ("*",)),)


class CloudwatchSink(BatchingSink[CloudwatchConfig]):
    """One data point a notice."""

    service = "cloudwatch"
    limits = Limits(entries=1_000, size=900_000)
    """CloudWatch takes 1,000 data points and 1 MB."""
    largest = 900_000

    def __init__(self, name: str, config: CloudwatchConfig, context: SinkContext) -> None:
        super().__init__(name, config, context)
        self._values: dict[str, set[str]] = {name: set() for name in config.dimensions}

    def _region(self) -> str | None:
        return self._config.region

    def _entry(self, notice: Notice) -> tuple[Entry, int]:
        found = texts_at(notice.event, *self._config.dimensions.values())
        values = {name: self._value(name, text) for name, text in zip(self._config.dimensions, found, strict=True)}
        values |= {"Rule": _ascii(notice.rule), "Severity": notice.severity.value}
        point = {
            "MetricName": self._config.metric_name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in values.items()],
            "Timestamp": datetime.fromtimestamp(self._time(notice), UTC),
            "Value": 1.0,
            "Unit": "Count",
        }
        return point, _OVERHEAD_BYTES + sum(len(name) + len(value) + 32 for name, value in values.items())

    def _value(self, name: str, text: str | None) -> str:
        """Return the value of a dimension: one of those there are already, or a new one while there is room."""
        value = _ascii(text or "")
        known = self._values[name]
        if value not in known:
            if len(known) >= self._config.max_values:
                return _OTHER
            known.add(value)
        return value

    def _time(self, notice: Notice) -> float:
        """Return when it happened, or now where CloudWatch would refuse that."""
        now = self._clock.now()
        happened = time_of(notice.event)
        oldest, newest = now - _OLDEST_SECONDS + _MARGIN_SECONDS, now + _NEWEST_SECONDS - _MARGIN_SECONDS
        return happened if happened is not None and oldest < happened < newest else now

    async def _put(self, client: Any, entries: Sequence[Entry]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await client.put_metric_data(Namespace=self._config.namespace, MetricData=entries)
        return answer

    def _outcomes(self, answer: Mapping[str, Any], entries: Sequence[Entry]) -> list[EffectError | None]:
        if "RequestId" not in answered(answer, "ResponseMetadata"):
            # The answer has no field of its own by which to tell it from the page of a proxy.
            raise RetryableError(FailureKind.SERVER_ERROR, "an answer without RequestId")
        return [None] * len(entries)

    async def _look(self, client: Any) -> str:
        answer = await client.list_metrics(Namespace=self._config.namespace, MetricName=self._config.metric_name)
        return f"{self._config.namespace}: {len(answered(answer, 'Metrics'))} metrics {self._config.metric_name}"


def _ascii(text: str) -> str:
    """Return the text as the value of a dimension: printable ASCII, other characters as their escapes, not blank."""
    return ascii(text)[1:-1].strip()[:_LONGEST_VALUE] or _MISSING
