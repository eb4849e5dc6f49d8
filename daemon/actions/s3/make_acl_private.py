"""Takes the public's grants off a bucket's own access control list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.s3.names import BUCKET_IN_EVENT, acl_image, bucket_of, grant_parameters, grants_text, without_public
from daemon.actions.subject import FromEvent, Subject
from daemon.clients.estate import Reader, Writer


class MakeAclPrivateConfig(ActionConfig):
    """Takes what everybody is granted off the bucket's access control list."""

    type: Literal["s3.make-acl-private"]
    bucket: FromEvent = BUCKET_IN_EVENT
    """Where the event names the bucket."""


class MakeAclPrivate(Action[MakeAclPrivateConfig]):
    """Only the grants to everybody and to every AWS account go; objects keep their own.  Undo puts the grants back."""

    redo: ClassVar = Redo.REPEAT
    permissions: ClassVar = Permissions(
        read=("s3:GetBucketAcl",), write=("s3:PutBucketAcl",), undo=("s3:PutBucketAcl",), resources=("arn:aws:s3:::*",)
    )
    undoable: ClassVar = True

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return bucket_of(event, self.config.bucket)

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: owner and grants."""
        answer = await api.find("s3", "get_bucket_acl", Bucket=subject.values["bucket"])
        return acl_image(answer) if answer is not None else None

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        after = without_public(image)
        if after == image:
            return Declined(Decline.ALREADY_RIGHT, "nothing is granted to everybody")
        (name,) = subject.resources
        return Plan(
            summary=f"make the ACL of {name} private",
            changes=(Change(name, "grants", grants_text(image), grants_text(after)),),
            before=image,
            after=after,
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del key
        await self._put(subject, plan.after, api)
        return {}

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """See Action."""
        del applied
        await self._put(subject, plan.before, api)

    async def _put(self, subject: Subject, image: Image, api: Writer) -> None:
        await api.write("s3", "put_bucket_acl", Bucket=subject.values["bucket"], **grant_parameters(image))
