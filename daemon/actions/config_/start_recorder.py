"""Starts a configuration recorder that was stopped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.subject import FromEvent, Subject, place_of, value_at
from daemon.clients.estate import Reader, Writer

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,256}")
_MISSING: Final = frozenset({"NoSuchConfigurationRecorderException"})


class StartRecorderConfig(ActionConfig):
    """Makes AWS Config record again."""

    type: Literal["config.start-recorder"]
    recorder: FromEvent = ("$.detail.requestParameters.configurationRecorderName",)
    """Where the event names the recorder."""


class StartRecorder(Action[StartRecorderConfig]):
    """The recorder records again; a deleted one cannot be brought back.  Undo stops it."""

    redo: ClassVar = Redo.REPEAT
    permissions: ClassVar = Permissions(
        read=("config:DescribeConfigurationRecorderStatus",),
        write=("config:StartConfigurationRecorder",),
        undo=("config:StopConfigurationRecorder",),
    )
    undoable: ClassVar = True

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        account, region = place_of(event)
        name = value_at(event, self.config.recorder, _NAME, "recorder")
        return Subject(account, region, (f"config-recorder/{name}",), {"name": name})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action."""
        names = [subject.values["name"]]
        answer = await api.find(
            "config", "describe_configuration_recorder_status", _MISSING, ConfigurationRecorderNames=names
        )
        statuses = answer["ConfigurationRecordersStatus"] if answer is not None else ()
        return {"recording": bool(statuses[0]["recording"])} if statuses else None

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        (recorder,) = subject.resources
        if image["recording"]:
            return Declined(Decline.ALREADY_RIGHT, "the recorder records")
        change = Change(recorder, "recording", before=False, after=True)
        return Plan(summary=f"start {recorder}", changes=(change,), before=image, after={"recording": True})

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del plan, key
        await api.write("config", "start_configuration_recorder", ConfigurationRecorderName=subject.values["name"])
        return {}

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """See Action."""
        del plan, applied
        await api.write("config", "stop_configuration_recorder", ConfigurationRecorderName=subject.values["name"])
