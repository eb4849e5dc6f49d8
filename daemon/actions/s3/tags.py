"""Tags of buckets and objects, as far as they may exempt: the images of the actions on S3 hold them.

Other tags stay out of the images, so that whoever sets those meanwhile does not stand in the way of an undo.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from daemon.actions.s3.names import NOT_HELD, address_of
from daemon.actions.subject import Subject
from daemon.clients.estate import Reader

_NO_TAGS: Final = frozenset({"NoSuchTagSet"})

Tags = dict[str, dict[str, str]]


async def tags_of_bucket(subject: Subject, wanted: Collection[str], api: Reader) -> Tags:
    """Return those of the wanted tags that the subject's bucket has, by its ARN; {} where none are wanted."""
    if not wanted:
        return {}
    address = address_of(subject, api)
    bucket = {name: address[name] for name in ("Bucket", "ExpectedBucketOwner")}
    answer = await api.find("s3", "get_bucket_tagging", _NO_TAGS, **bucket)
    return {f"arn:aws:s3:::{bucket['Bucket']}": _wanted_in(answer, wanted)}


async def tags_of(subject: Subject, wanted: Collection[str], api: Reader) -> Tags:
    """As tags_of_bucket, with those of the object where the subject is one."""
    found = await tags_of_bucket(subject, wanted, api)
    if found and "key" in subject.values:
        answer = await api.find("s3", "get_object_tagging", NOT_HELD, **address_of(subject, api))
        found[subject.resources[0]] = _wanted_in(answer, wanted)
    return found


def _wanted_in(answer: dict[str, Any] | None, wanted: Collection[str]) -> dict[str, str]:
    tags = answer["TagSet"] if answer is not None else ()
    return {tag["Key"]: tag["Value"] for tag in tags if tag["Key"] in wanted}
