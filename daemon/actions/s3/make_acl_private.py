"""Takes the public's grants off a bucket's own access control list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from daemon.actions.base import Permissions
from daemon.actions.config import ActionConfig
from daemon.actions.s3.acl import PrivateAcl
from daemon.actions.s3.names import BUCKET_IN_EVENT, bucket_of
from daemon.actions.subject import FromEvent, Subject


class MakeAclPrivateConfig(ActionConfig):
    """Takes what everybody is granted off the bucket's access control list."""

    reads_tags: ClassVar = True
    type: Literal["s3.make-acl-private"]
    bucket: FromEvent = BUCKET_IN_EVENT
    """Where the event names the bucket."""


class MakeAclPrivate(PrivateAcl[MakeAclPrivateConfig]):
    """Only the grants to everybody and to every AWS account go; objects keep their own.  Undo puts the grants back."""

    calls: ClassVar = ("get_bucket_acl", "put_bucket_acl")
    permissions: ClassVar = Permissions(
        read=("s3:GetBucketAcl", "s3:GetBucketTagging"),
        write=("s3:PutBucketAcl",),
        undo=("s3:PutBucketAcl",),
        resources=("arn:aws:s3:::*",),
    )

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        return bucket_of(event, self.config.bucket)
