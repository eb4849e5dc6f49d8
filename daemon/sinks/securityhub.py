"""Alerts as findings in Security Hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, StringConstraints

from daemon.clients import answered, entry_error
from daemon.errors import EffectError, FailureKind, RetryableError
from daemon.grants import Grant, Place
from daemon.sinks.asff import Product, finding_of
from daemon.sinks.base import Notice, SinkContext
from daemon.sinks.batching import BatchingConfig, BatchingSink, Entry
from daemon.sinks.event_path import EventPath
from daemon.sinks.gathering import Limits
from daemon.sinks.incidents import IncidentConfig, incident_of
from daemon.text_form import TextForm

ProductArn = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:securityhub:[a-z0-9-]+:\d{12}:product/[A-Za-z0-9-]+/[A-Za-z0-9-]+$",
        "the ARN of a product",
        "arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default",
    ),
]
FindingType = Annotated[
    str,
    StringConstraints(max_length=256),
    TextForm(
        r"^(Software and Configuration Checks|TTPs|Effects|Unusual Behaviors|Sensitive Data Identifications)"
        r"(/[^/\x00-\x1f]+){0,2}$",
        "a namespace of Security Hub, or one with a category and a classifier",
        "TTPs/Defense Evasion",
    ),
]


class SecurityhubConfig(BatchingConfig, IncidentConfig):
    """Imports each alert as a finding.  A repeat, and an alert of the same incident, updates its finding; the one that
    ends the incident archives it.

    Needs the permissions securityhub:BatchImportFindings and, for `vigild check`, securityhub:DescribeHub.
    """

    type: Literal["securityhub"]
    product_arn: ProductArn
    """arn:aws:securityhub:<region>:<account>:product/<account>/default, for findings of one's own.  Its region is where
    the call goes, its account, which must be the daemon's own, whose findings they are."""
    finding_types: tuple[FindingType, ...] = Field(default=("Unusual Behaviors",), min_length=1, max_length=50)
    """namespace/category/classifier, of the namespaces that Security Hub knows."""
    resource: EventPath | None = None
    """Where the event names what the alert is about; the event's own `resources` unless given, else its account."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """See SinkConfig."""
        del place
        hub = f"{self.product_arn.partition(':product/')[0]}:hub/default"
        return (
            Grant(("securityhub:BatchImportFindings",), (self.product_arn,)),
            Grant(("securityhub:DescribeHub",), (hub,)),
        )


class SecurityhubSink(BatchingSink[SecurityhubConfig]):
    """One finding a notice."""

    service = "securityhub"
    limits = Limits(entries=100, size=6_000_000)
    largest = 240_000
    """(Partner guide, "Guidelines for using the BatchImportFindings API".)"""

    def __init__(self, name: str, config: SecurityhubConfig, context: SinkContext) -> None:
        super().__init__(name, config, context)
        self._product = Product(config.product_arn, config.finding_types)

    def _region(self) -> str:
        return self._config.product_arn.split(":")[3]

    def _entry(self, notice: Notice) -> tuple[Entry, int]:
        incident = incident_of(notice, self._config)
        finding = finding_of(notice, incident, self._product, self._clock.now(), self._config.resource)
        return finding, len(orjson.dumps(finding))

    def _identity(self, entry: Entry) -> str:
        return str(entry["Id"])

    async def _put(self, client: Any, entries: Sequence[Entry]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await client.batch_import_findings(Findings=entries)
        return answer

    def _outcomes(self, answer: Mapping[str, Any], entries: Sequence[Entry]) -> list[EffectError | None]:
        failed = {each["Id"]: each for each in answer.get("FailedFindings", ())}
        if answered(answer, "FailedCount") != len(failed):
            raise RetryableError(FailureKind.SERVER_ERROR, "an answer that does not name the findings that failed")
        return [_error(failed[entry["Id"]]) if entry["Id"] in failed else None for entry in entries]

    async def _look(self, client: Any) -> str:
        answer = await client.describe_hub()
        return f"{self._config.product_arn}: {answered(answer, 'HubArn')}"


def _error(failed: Mapping[str, Any]) -> EffectError:
    code = str(failed.get("ErrorCode", ""))
    return entry_error(
        {"Code": code, "Message": failed.get("ErrorMessage", ""), "SenderFault": code.startswith("Invalid")}
    )
