"""Starts a trail that was stopped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from daemon.actions.base import Image, Permissions
from daemon.actions.config import ActionConfig
from daemon.actions.recording import Recording
from daemon.actions.subject import FromEvent, Subject, place_of, value_at
from daemon.clients.estate import Reader

_TRAIL: Final = re.compile(
    r"(?:arn:aws[a-z-]*:cloudtrail:[a-z0-9-]+:[0-9]{12}:trail/)?(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{2,127})"
)


class StartLoggingConfig(ActionConfig):
    """Makes a trail record again."""

    type: Literal["cloudtrail.start-logging"]
    trail: FromEvent = ("$.detail.requestParameters.name",)
    """Where the event names the trail, by name or ARN."""


class StartLogging(Recording[StartLoggingConfig]):
    """The trail records again; a deleted one cannot be brought back.  Undo stops it."""

    service: ClassVar = "cloudtrail"
    calls: ClassVar = ("start_logging", "stop_logging")
    name_parameter: ClassVar = "Name"
    permissions: ClassVar = Permissions(
        read=("cloudtrail:GetTrailStatus",),
        write=("cloudtrail:StartLogging",),
        undo=("cloudtrail:StopLogging",),
        resources=("arn:aws:cloudtrail:{region}:{account}:trail/*",),
    )

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action: the trail of the event's own account, whatever ARN the event has."""
        account, region = place_of(event)
        found = _TRAIL.fullmatch(value_at(event, self.config.trail, _TRAIL, "trail"))
        name = found["name"] if found else ""
        arn = f"arn:aws:cloudtrail:{region}:{account}:trail/{name}"
        return Subject(account, region, (arn,), {"name": name})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action."""
        answer = await api.find("cloudtrail", "get_trail_status", _MISSING, Name=subject.values["name"])
        return {"recording": bool(answer["IsLogging"])} if answer is not None else None


_MISSING: Final = frozenset({"TrailNotFoundException"})
