"""Starts a configuration recorder that was stopped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from daemon.actions.base import Image, Permissions
from daemon.actions.config import ActionConfig
from daemon.actions.recording import Recording
from daemon.actions.subject import FromEvent, Subject, place_of, value_at
from daemon.clients.estate import Reader

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,256}")
_MISSING: Final = frozenset({"NoSuchConfigurationRecorderException"})


class StartRecorderConfig(ActionConfig):
    """Makes AWS Config record again."""

    type: Literal["config.start-recorder"]
    recorder: FromEvent = ("$.detail.requestParameters.configurationRecorderName",)
    """Where the event names the recorder."""


class StartRecorder(Recording[StartRecorderConfig]):
    """The recorder records again; a deleted one cannot be brought back.  Undo stops it."""

    service: ClassVar = "config"
    calls: ClassVar = ("start_configuration_recorder", "stop_configuration_recorder")
    name_parameter: ClassVar = "ConfigurationRecorderName"
    permissions: ClassVar = Permissions(
        read=("config:DescribeConfigurationRecorderStatus",),
        write=("config:StartConfigurationRecorder",),
        undo=("config:StopConfigurationRecorder",),
    )

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
