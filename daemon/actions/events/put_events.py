"""Forwards the event to an EventBridge bus, also of another account."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import orjson
from pydantic import AfterValidator

from daemon.actions.base import Image, Permissions, Plan, Redo
from daemon.actions.calling import Calling, CallingConfig
from daemon.actions.subject import Subject
from daemon.clients import entry_error
from daemon.clients.estate import Writer
from daemon.text_form import TextForm

BusArn = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:events:[a-z]+(-[a-z]+)+-[0-9]:[0-9]{12}:event-bus/[A-Za-z0-9_./-]{1,256}$",
        "the ARN of an event bus",
        "arn:aws:events:eu-west-1:123456789012:event-bus/central",
    ),
]


def _check_source(text: str) -> str:
    if text.startswith("aws."):
        raise ValueError("EventBridge keeps sources that begin with aws. for AWS services")
    return text


class PutEventsConfig(CallingConfig):
    """Puts the event on a bus."""

    type: Literal["events.put-events"]
    bus_arn: BusArn
    """The bus; for one of another account its resource policy must let the daemon's role in."""
    source: Annotated[
        str,
        TextForm(r"^[A-Za-z0-9._/-]{1,256}$", "at most 256 letters, digits and . _ / -", "vigild.forwarded"),
        AfterValidator(_check_source),
    ] = "vigild.forwarded"
    """The event's new source."""


class PutEvents(Calling[PutEventsConfig]):
    """The event's detail goes on under the source given, with the whole event as `original`.  What a crash cut off is
    sent again, with the same `vigild-key`: a bus delivers at least once anyway.
    """

    verb: ClassVar = "put on"
    redo: ClassVar = Redo.REPEAT
    permissions: ClassVar = Permissions(
        write=("events:PutEvents",), resources=("arn:aws:events:{region}:{account}:event-bus/*",)
    )

    @property
    def callee(self) -> str:
        """See Calling."""
        return self.config.bus_arn

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del plan
        event = subject.values["event"]
        entry = {
            "Source": self.config.source,
            "DetailType": str(event.get("detail-type") or "Forwarded Event")[:128],
            "Detail": orjson.dumps({"vigild-key": key, "original": event}).decode(),
            "EventBusName": self.config.bus_arn,
        }
        answer = await api.write("events", "put_events", Entries=[entry])
        (result,) = answer["Entries"]
        if "ErrorCode" in result:
            raise entry_error(
                {"Code": result["ErrorCode"], "Message": result.get("ErrorMessage", ""), "SenderFault": True}
            )
        return {"event": result["EventId"]}
