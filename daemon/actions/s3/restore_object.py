"""Brings back an object that is lost or deleted: from its own older version, or from a replica in another bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.s3.names import BUCKET_IN_EVENT, KEY_IN_EVENT, NOT_HELD, address_of, object_of
from daemon.actions.s3.tags import tags_of_bucket
from daemon.actions.subject import FromEvent, Subject
from daemon.clients.estate import Reader, Writer
from daemon.errors import FailureKind, PermanentError
from daemon.text_form import TextForm

BucketName = Annotated[str, TextForm(r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", "the name of a bucket", "my-replicas")]


class RestoreObjectConfig(ActionConfig):
    """Copies an object back to where it was: S3 lost it (s3:ReducedRedundancyLostObject), or it was deleted."""

    reads_tags: ClassVar = True
    type: Literal["s3.restore-object"]
    bucket: FromEvent = BUCKET_IN_EVENT
    """Where the event names the bucket."""
    key: FromEvent = KEY_IN_EVENT
    """Where it names the object."""
    replicas: dict[BucketName, BucketName] = Field(default={})
    """The bucket that holds copies, by the bucket it holds them of; without one, an older version is copied."""


class RestoreObject(Action[RestoreObjectConfig]):
    """The object is there again; an object that is there is not touched.  Undo deletes the copy again,
    unless somebody has put another object there.
    """

    redo: ClassVar = Redo.LOOK
    permissions: ClassVar = Permissions(
        read=(
            "s3:GetBucketTagging",
            "s3:GetObject",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionTagging",
            "s3:ListBucket",
            "s3:ListBucketVersions",
        ),
        # A copy takes the tags along, and is denied as a whole where those may not be read or written.
        write=("s3:PutObject", "s3:PutObjectTagging"),
        undo=("s3:DeleteObject", "s3:DeleteObjectVersion"),
        resources=("arn:aws:s3:::*/*",),
    )
    undoable: ClassVar = True

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return object_of(event, self.config.bucket, self.config.key, ())

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: whether it is there, the copy that could be brought back, and the tags of the bucket."""
        address = address_of(subject, api)
        key = address.pop("Key")
        if await api.find("s3", "head_bucket", **address) is None:
            return None
        present = await api.find("s3", "head_object", NOT_HELD, **address, Key=key) is not None
        # Not the object's: it has none while it is away.
        tags = await tags_of_bucket(subject, self.config.exempt.tags, api)
        return {"present": present, "copy": None if present else await self._copy(address, key, api), "tags": tags}

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        if image["present"]:
            return Declined(Decline.ALREADY_RIGHT, "the object is there")
        if image["copy"] is None:
            return Declined(Decline.NOT_FOUND, "there is no copy of it")
        (name,) = subject.resources
        return Plan(
            summary=f"restore {name}",
            changes=(Change(name, "object", None, f"copy of {_text(image['copy'])}"),),
            before=image,
            after={**image, "present": True, "copy": None},
            resource_tags=image["tags"],
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del key
        copy = plan.before["copy"]
        answer = await api.write("s3", "copy_object", **address_of(subject, api), CopySource=copy)
        return {"version": answer.get("VersionId"), "etag": answer["CopyObjectResult"]["ETag"]}

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """See Action: what somebody has put there since is theirs, as is what was never known to be the copy."""
        del plan
        address = address_of(subject, api)
        present = await api.find("s3", "head_object", NOT_HELD, **address)
        if present is None:
            return
        version, etag = applied.get("version"), applied.get("etag")
        if etag is None or (version, etag) != (present.get("VersionId"), present["ETag"]):
            raise PermanentError(FailureKind.REFUSED, "the object is not the copy that was made; delete it by hand")
        # Between the look and the call, too: S3 refuses where the object is another by then.
        which = {"VersionId": version} if version else {"IfMatch": etag}
        await api.write("s3", "delete_object", **address, **which)

    async def _copy(self, address: Mapping[str, str], key: str, api: Reader) -> dict[str, str] | None:
        """Return the CopySource of what can be brought back; the configuration names replicas, whosoever they are."""
        bucket = address["Bucket"]
        replica = self.config.replicas.get(bucket)
        if replica is not None:
            found = await api.find("s3", "head_object", NOT_HELD, Bucket=replica, Key=key)
            return {"Bucket": replica, "Key": key} if found is not None else None
        answer = await api.read("s3", "list_object_versions", **address, Prefix=key, MaxKeys=100)
        # The newest of all is not there: it was lost.  Where a marker says deleted, it is that, and no version.
        versions = [each for each in answer.get("Versions", ()) if each["Key"] == key and not each["IsLatest"]]
        newest = max(versions, key=lambda version: version["LastModified"], default=None)
        return {"Bucket": bucket, "Key": key, "VersionId": newest["VersionId"]} if newest is not None else None


def _text(copy: Mapping[str, str]) -> str:
    version = f" version {copy['VersionId']}" if "VersionId" in copy else ""
    return f"{copy['Bucket']}/{copy['Key']}{version}"
