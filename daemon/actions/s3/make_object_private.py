"""Takes the public's grants off an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from daemon.actions.base import Permissions
from daemon.actions.config import ActionConfig
from daemon.actions.s3.acl import PrivateAcl
from daemon.actions.s3.names import BUCKET_IN_EVENT, KEY_IN_EVENT, VERSION_IN_EVENT, object_of
from daemon.actions.subject import FromEvent, Subject


class MakeObjectPrivateConfig(ActionConfig):
    """Takes what everybody is granted off the object's access control list."""

    reads_tags: ClassVar = True
    type: Literal["s3.make-object-private"]
    bucket: FromEvent = BUCKET_IN_EVENT
    """Where the event names the bucket."""
    key: FromEvent = KEY_IN_EVENT
    """Where it names the object."""
    version: FromEvent = VERSION_IN_EVENT
    """Where it may name the object's version; without one, the newest."""


class MakeObjectPrivate(PrivateAcl[MakeObjectPrivateConfig]):
    """Only the grants to everybody and to every AWS account go; others stay, and so does the object.  Undo puts the
    grants back.
    """

    calls: ClassVar = ("get_object_acl", "put_object_acl")
    permissions: ClassVar = Permissions(
        read=(
            "s3:GetBucketTagging",
            "s3:GetObjectAcl",
            "s3:GetObjectTagging",
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionTagging",
        ),
        write=("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
        undo=("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
        resources=("arn:aws:s3:::*/*",),
    )

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return object_of(event, self.config.bucket, self.config.key, self.config.version)
