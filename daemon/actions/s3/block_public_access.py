"""Blocks public access to a bucket, whatever its policy and access control lists say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from daemon.actions.base import Change, Decline, Declined, Image, Permissions, Plan
from daemon.actions.config import ActionConfig
from daemon.actions.putting import Putting
from daemon.actions.s3.names import BUCKET_IN_EVENT, address_of, bucket_of
from daemon.actions.s3.tags import tags_of
from daemon.actions.subject import FromEvent, Subject
from daemon.clients.estate import Reader, Writer

_SETTINGS: Final = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_NONE_SET: Final = frozenset({"NoSuchPublicAccessBlockConfiguration"})


class BlockPublicAccessConfig(ActionConfig):
    """Turns on all four settings of S3 Block Public Access for the bucket."""

    reads_tags: ClassVar = True
    type: Literal["s3.block-public-access"]
    bucket: FromEvent = BUCKET_IN_EVENT
    """Where the event names the bucket."""


class BlockPublicAccess(Putting[BlockPublicAccessConfig]):
    """The bucket's policy and lists stay as they are, but no longer let the public in.  Undo puts the settings back as
    they were, none at all included.
    """

    permissions: ClassVar = Permissions(
        read=("s3:GetBucketPublicAccessBlock", "s3:GetBucketTagging", "s3:ListBucket"),
        write=("s3:PutBucketPublicAccessBlock",),
        undo=("s3:PutBucketPublicAccessBlock",),
        resources=("arn:aws:s3:::*",),
    )

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return bucket_of(event, self.config.bucket)

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: the settings, all false where there are none, and the tags."""
        bucket = address_of(subject, api)
        if await api.find("s3", "head_bucket", **bucket) is None:
            return None
        answer = await api.find("s3", "get_public_access_block", _NONE_SET, **bucket)
        found = answer["PublicAccessBlockConfiguration"] if answer is not None else {}
        settings = {name: bool(found.get(name, False)) for name in _SETTINGS}
        return {"set": answer is not None, **settings, "tags": await tags_of(subject, self.config.exempt.tags, api)}

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        missing = [name for name in _SETTINGS if not image[name]]
        if not missing:
            return Declined(Decline.ALREADY_RIGHT, "public access is blocked")
        (name,) = subject.resources
        return Plan(
            summary=f"block public access to {name}",
            changes=tuple(Change(name, setting, before=False, after=True) for setting in missing),
            before=image,
            after={**image, "set": True, **dict.fromkeys(_SETTINGS, True)},
            resource_tags=image["tags"],
        )

    async def put(self, subject: Subject, image: Image, api: Writer) -> None:
        """See Putting."""
        bucket = address_of(subject, api)
        if image["set"]:
            settings = {name: image[name] for name in _SETTINGS}
            await api.write("s3", "put_public_access_block", **bucket, PublicAccessBlockConfiguration=settings)
        else:
            await api.write("s3", "delete_public_access_block", **bucket)
