"""Starts a Systems Manager automation."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from daemon.actions.base import Action, Change, Declined, Image, Permissions, Plan, Redo, Verdict
from daemon.actions.config import ActionConfig
from daemon.actions.ssm.run_document import ValueName
from daemon.actions.ssm.values import DocumentName, fill, values_in
from daemon.actions.subject import FromEvent, Subject, place_of
from daemon.clients.estate import Reader, Writer

_ENDED_WELL: Final = frozenset({"Success", "CompletedWithSuccess"})
_UNDER_WAY: Final = frozenset({"Pending", "InProgress", "Waiting", "Scheduled", "RunbookInProgress", "Approved"})


class StartAutomationConfig(ActionConfig):
    """Starts a runbook in the event's account and region, and waits for its result."""

    type: Literal["ssm.start-automation"]
    document: DocumentName
    """The runbook; an event never chooses it."""
    parameters: dict[str, tuple[str, ...]] = Field(default={})
    """Its parameters; `{name}` stands for a value of `values`."""
    values: dict[ValueName, FromEvent] = Field(default={})
    """Where the event has what parameters need; let through as those of ssm.run-document."""
    verify_seconds: float = Field(default=3_600.0, ge=1, le=7_200)
    """How long the automation may take."""
    max_concurrency: int = Field(default=16, ge=1, le=64)
    """How many automations are waited for at the same time."""
    cooldown_seconds: float = Field(default=0.0, ge=0, le=86_400)
    """How long the runbook is left alone after a start in the same account and region."""


class StartAutomation(Action[StartAutomationConfig]):
    """One execution an intent, by its client token.  There is no undo."""

    redo: ClassVar = Redo.REPEAT
    permissions: ClassVar = Permissions(
        read=("ssm:GetAutomationExecution",),
        write=("ssm:StartAutomationExecution",),
        resources=("arn:aws:ssm:{region}:*:automation-definition/*",),
    )

    @property
    def acts_on(self) -> tuple[str, ...]:
        """See Action: any version of this runbook."""
        (runbooks,) = self.permissions.resources
        return (f"{runbooks.removesuffix('*')}{self.config.document.rpartition('/')[2]}:*",)

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        account, region = place_of(event)
        values = values_in(event, self.config.values)
        name = " ".join((self.config.document, *values.values()))
        return Subject(account, region, (name,), {"values": values})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: there is nothing to look at."""
        del subject, api
        return _NOTHING

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        parameters = fill(self.config.parameters, subject.values["values"])
        change = Change(self.config.document, "automation", None, parameters)
        return Plan(summary=f"start {self.config.document}", changes=(change,), before=image, after=image)

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del plan
        answer = await api.write(
            "ssm",
            "start_automation_execution",
            DocumentName=self.config.document,
            Parameters=fill(self.config.parameters, subject.values["values"]),
            ClientToken=str(uuid.UUID(key)),
        )
        return {"execution": answer["AutomationExecutionId"]}

    async def verify(self, subject: Subject, plan: Plan, applied: Image, api: Reader) -> Verdict:
        """See Action: how the execution ended."""
        del subject, plan
        answer = await api.read("ssm", "get_automation_execution", AutomationExecutionId=applied["execution"])
        status = answer["AutomationExecution"]["AutomationExecutionStatus"]
        if status in _ENDED_WELL:
            return Verdict.SETTLED
        return Verdict.NOT_YET if status in _UNDER_WAY else Verdict.FAILED


_NOTHING: Image = {}
