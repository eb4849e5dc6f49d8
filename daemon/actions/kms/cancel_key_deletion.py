"""Keeps a KMS key that was scheduled for deletion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.subject import FromEvent, Subject, place_of, value_at
from daemon.clients.estate import Reader, Writer

_KEY: Final = re.compile(
    r"(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/)?(?P<id>(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))"
)


class CancelKeyDeletionConfig(ActionConfig):
    """Cancels the deletion of a key."""

    type: Literal["kms.cancel-key-deletion"]
    key_id: FromEvent = ("$.detail.requestParameters.keyId", "$.detail.responseElements.keyId")
    """Where the event names the key, by id or ARN."""
    enable: bool = True
    """Whether the key works again afterwards; KMS leaves it disabled."""


class CancelKeyDeletion(Action[CancelKeyDeletionConfig]):
    """What the key has encrypted can be read again.  There is no undo: scheduling a deletion is for people."""

    redo: ClassVar = Redo.LOOK
    permissions: ClassVar = Permissions(
        read=("kms:DescribeKey",),
        write=("kms:CancelKeyDeletion", "kms:EnableKey"),
        resources=("arn:aws:kms:{region}:{account}:key/*",),
    )

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action: the key of the event's own account, whatever ARN the event has."""
        account, region = place_of(event)
        found = _KEY.fullmatch(value_at(event, self.config.key_id, _KEY, "key id"))
        key = found["id"] if found else ""
        return Subject(account, region, (f"arn:aws:kms:{region}:{account}:key/{key}",), {"key": key})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: the key's state."""
        answer = await api.find("kms", "describe_key", _MISSING, KeyId=subject.values["key"])
        return {"state": answer["KeyMetadata"]["KeyState"]} if answer is not None else None

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        (arn,) = subject.resources
        if image["state"] not in ("PendingDeletion", "PendingReplicaDeletion"):
            return Declined(Decline.ALREADY_RIGHT, f"the key is {image['state']}")
        after = "Enabled" if self.config.enable else "Disabled"
        return Plan(
            summary=f"cancel the deletion of {arn}",
            changes=(Change(arn, "state", image["state"], after),),
            before=image,
            after={"state": after},
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del plan, key
        await api.write("kms", "cancel_key_deletion", KeyId=subject.values["key"])
        if self.config.enable:
            await api.write("kms", "enable_key", KeyId=subject.values["key"])
        return {}


_MISSING: Final = frozenset({"NotFoundException"})
