"""Takes the public's grants off an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.s3.names import (
    BUCKET_IN_EVENT,
    KEY_IN_EVENT,
    VERSION_IN_EVENT,
    acl_image,
    address_of,
    grant_parameters,
    grants_text,
    object_of,
    without_public,
)
from daemon.actions.subject import FromEvent, Subject
from daemon.clients.estate import Reader, Writer


class MakeObjectPrivateConfig(ActionConfig):
    """Takes what everybody is granted off the object's access control list."""

    type: Literal["s3.make-object-private"]
    bucket: FromEvent = BUCKET_IN_EVENT
    """Where the event names the bucket."""
    key: FromEvent = KEY_IN_EVENT
    """Where it names the object."""
    version: FromEvent = VERSION_IN_EVENT
    """Where it may name the object's version; without one, the newest."""


class MakeObjectPrivate(Action[MakeObjectPrivateConfig]):
    """Only the grants to everybody and to every AWS account go; others stay, and so does the object.  Undo puts the
    grants back.
    """

    redo: ClassVar = Redo.REPEAT
    permissions: ClassVar = Permissions(
        read=("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
        write=("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
        undo=("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
        resources=("arn:aws:s3:::*/*",),
    )
    undoable: ClassVar = True

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return object_of(event, self.config.bucket, self.config.key, self.config.version)

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: owner and grants."""
        answer = await api.find("s3", "get_object_acl", **address_of(subject))
        return acl_image(answer) if answer is not None else None

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        after = without_public(image)
        if after == image:
            return Declined(Decline.ALREADY_RIGHT, "nothing is granted to everybody")
        (name,) = subject.resources
        return Plan(
            summary=f"make {name} private",
            changes=(Change(name, "grants", grants_text(image), grants_text(after)),),
            before=image,
            after=after,
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del key
        await api.write("s3", "put_object_acl", **grant_parameters(plan.after), **address_of(subject))
        return {}

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """See Action."""
        del applied
        await api.write("s3", "put_object_acl", **grant_parameters(plan.before), **address_of(subject))
