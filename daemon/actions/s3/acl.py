"""Access control lists as the actions on them see them, and what taking the public off one takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeVar

from daemon.actions.base import Change, Decline, Declined, Image, Plan
from daemon.actions.config import ActionConfig
from daemon.actions.putting import Putting
from daemon.actions.s3.names import NOT_HELD, address_of
from daemon.actions.s3.tags import tags_of
from daemon.actions.subject import Subject
from daemon.clients.estate import Reader, Writer

PUBLIC: Final = frozenset(
    {
        "http://acs.amazonaws.com/groups/global/AllUsers",
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    }
)
"""The groups that stand for everybody (S3 user guide, "Access control list (ACL) overview")."""

_GRANTEE: Final = ("Type", "ID", "URI", "EmailAddress")
"""What names a grantee; display names are for people, and S3 no longer gives them."""
_HEADERS: Final = {"URI": "uri", "ID": "id", "EmailAddress": "emailAddress"}
_PARAMETERS: Final = {
    "FULL_CONTROL": "GrantFullControl",
    "READ": "GrantRead",
    "READ_ACP": "GrantReadACP",
    "WRITE": "GrantWrite",
    "WRITE_ACP": "GrantWriteACP",
}

ConfigT = TypeVar("ConfigT", bound=ActionConfig)


class PrivateAcl(Putting[ConfigT]):
    """Base of both actions: only the grants to everybody and to every AWS account go."""

    calls: ClassVar[tuple[str, str]]
    """To get and to put the list, by their Python names."""

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: owner, grants and tags."""
        answer = await api.find("s3", self.calls[0], NOT_HELD, **address_of(subject, api))
        if answer is None:
            return None
        return {**_image(answer), "tags": await tags_of(subject, self.config.exempt.tags, api)}

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        kept = [grant for grant in image["grants"] if grant["Grantee"].get("URI") not in PUBLIC]
        if kept == image["grants"]:
            return Declined(Decline.ALREADY_RIGHT, "nothing is granted to everybody")
        (name,) = subject.resources
        after = {**image, "grants": kept}
        return Plan(
            summary=f"make the ACL of {name} private",
            changes=(Change(name, "grants", _texts(image), _texts(after)),),
            before=image,
            after=after,
            resource_tags=image["tags"],
        )

    async def put(self, subject: Subject, image: Image, api: Writer) -> None:
        """See Putting."""
        await api.write("s3", self.calls[1], **_grant_parameters(image), **address_of(subject, api))


def _image(answer: Mapping[str, Any]) -> Image:
    """Return owner and grants of an answer of GetBucketAcl or GetObjectAcl, in a settled order."""
    grants = [
        {
            "Grantee": {name: grant["Grantee"][name] for name in _GRANTEE if name in grant["Grantee"]},
            "Permission": grant["Permission"],
        }
        for grant in answer["Grants"]
    ]
    return {"owner": {"ID": answer["Owner"]["ID"]}, "grants": sorted(grants, key=str)}


def _grant_parameters(image: Image) -> dict[str, Any]:
    """Return the image as the parameters of PutObjectAcl and PutBucketAcl that put exactly its grants in force."""
    parameters: dict[str, list[str]] = {}
    for grant in image["grants"]:
        kind, name = next((k, grant["Grantee"][k]) for k in ("URI", "ID", "EmailAddress") if k in grant["Grantee"])
        parameters.setdefault(_PARAMETERS[grant["Permission"]], []).append(f'{_HEADERS[kind]}="{name}"')
    if not parameters:
        return {"AccessControlPolicy": {"Owner": image["owner"], "Grants": []}}
    return {parameter: ", ".join(grantees) for parameter, grantees in parameters.items()}


def _texts(image: Image) -> list[str]:
    """Return the grants for people."""
    return [
        f"{grant['Permission']} to {grant['Grantee'].get('URI') or grant['Grantee'].get('ID') or 'somebody'}"
        for grant in image["grants"]
    ]
