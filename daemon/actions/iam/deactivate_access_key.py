"""Deactivates an access key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from daemon.actions.base import Change, Decline, Declined, Image, Permissions, Plan
from daemon.actions.config import ActionConfig
from daemon.actions.iam.names import KEY_ID, KEY_IN_EVENT, NAME, USER_IN_EVENT
from daemon.actions.putting import Putting
from daemon.actions.subject import FromEvent, Subject, place_of, value_at
from daemon.clients.estate import Reader, Writer


class DeactivateAccessKeyConfig(ActionConfig):
    """Makes a user's access key inactive; it can be activated again, which a deleted one cannot."""

    reads_tags: ClassVar = True
    type: Literal["iam.deactivate-access-key"]
    user_name: FromEvent = USER_IN_EVENT
    """Where the event names the user."""
    access_key_id: FromEvent = KEY_IN_EVENT
    """Where it names the key."""


class DeactivateAccessKey(Putting[DeactivateAccessKeyConfig]):
    """Only this key of this user; other keys and the password stay.  Undo activates it."""

    permissions: ClassVar = Permissions(
        read=("iam:ListAccessKeys", "iam:ListUserTags"),
        write=("iam:UpdateAccessKey",),
        undo=("iam:UpdateAccessKey",),
        resources=("arn:aws:iam::{account}:user/*",),
    )

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        account, region = place_of(event)
        user = value_at(event, self.config.user_name, NAME, "user name")
        key_id = value_at(event, self.config.access_key_id, KEY_ID, "access key id")
        return Subject(account, region, (f"arn:aws:iam::{account}:user/{user}", key_id), {"user": user, "key": key_id})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: the key's status and the user's tags."""
        user, key_id = subject.values["user"], subject.values["key"]
        answer = await api.find("iam", "list_access_keys", UserName=user, MaxItems=100)
        keys = {key["AccessKeyId"]: key["Status"] for key in answer["AccessKeyMetadata"]} if answer else {}
        if key_id not in keys:
            return None
        tags = await api.read("iam", "list_user_tags", UserName=user)
        return {"status": keys[key_id], "tags": {tag["Key"]: tag["Value"] for tag in tags["Tags"]}}

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        key_id = subject.values["key"]
        if image["status"] != "Active":
            return Declined(Decline.ALREADY_RIGHT, "the key is not active")
        return Plan(
            summary=f"deactivate access key {key_id} of {subject.values['user']}",
            changes=(Change(key_id, "status", "Active", "Inactive"),),
            before=image,
            after={**image, "status": "Inactive"},
            resource_tags={subject.resources[0]: image["tags"]},
        )

    async def put(self, subject: Subject, image: Image, api: Writer) -> None:
        """See Putting."""
        user, key_id = subject.values["user"], subject.values["key"]
        await api.write("iam", "update_access_key", UserName=user, AccessKeyId=key_id, Status=image["status"])
