"""Revokes the sessions of a role that began before the event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

import orjson

from daemon.actions.base import Change, Decline, Declined, Image, Permissions, Plan
from daemon.actions.config import ActionConfig
from daemon.actions.iam.names import NAME, ROLE_IN_EVENT
from daemon.actions.putting import Putting
from daemon.actions.subject import FromEvent, Subject, place_of, value_at
from daemon.clients.estate import Reader, Writer

POLICY_NAME: Final = "vigild-revoked-sessions"
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class RevokeSessionsConfig(ActionConfig):
    """Denies everything to those sessions of the role that began before the event; later ones work as before."""

    reads_tags: ClassVar = True
    type: Literal["iam.revoke-sessions"]
    role_name: FromEvent = ROLE_IN_EVENT
    """Where the event names the role."""
    at: FromEvent = ("$.detail.eventTime", "$.time")
    """Where it says when it was: sessions that began earlier are revoked."""


class RevokeSessions(Putting[RevokeSessionsConfig]):
    """An inline policy as IAM's console makes it for "revoke active sessions"; the role itself stays.  Undo takes the
    policy away, or puts the one before back.  Source: IAM user guide, "Revoking IAM role temporary security
    credentials".
    """

    permissions: ClassVar = Permissions(
        read=("iam:GetRole", "iam:GetRolePolicy", "iam:ListRoleTags"),
        write=("iam:PutRolePolicy",),
        undo=("iam:PutRolePolicy", "iam:DeleteRolePolicy"),
        resources=("arn:aws:iam::{account}:role/*",),
    )

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        account, region = place_of(event)
        role = value_at(event, self.config.role_name, NAME, "role name")
        before = value_at(event, self.config.at, _TIME, "time")
        return Subject(account, region, (f"arn:aws:iam::{account}:role/{role}",), {"role": role, "before": before})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: until when sessions are revoked, and the role's tags."""
        role = subject.values["role"]
        if await api.find("iam", "get_role", RoleName=role) is None:
            return None
        answer = await api.find("iam", "get_role_policy", RoleName=role, PolicyName=POLICY_NAME)
        tags = await api.read("iam", "list_role_tags", RoleName=role)
        return {
            "revoked_before": _time_in(answer["PolicyDocument"]) if answer is not None else None,
            "tags": {tag["Key"]: tag["Value"] for tag in tags["Tags"]},
        }

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        (name,) = subject.resources
        before = subject.values["before"]
        if (image["revoked_before"] or "") >= before:
            return Declined(Decline.ALREADY_RIGHT, f"sessions before {image['revoked_before']} are revoked")
        return Plan(
            summary=f"revoke the sessions of {name} that began before {before}",
            changes=(Change(name, "sessions revoked before", image["revoked_before"], before),),
            before=image,
            after={**image, "revoked_before": before},
            resource_tags={name: image["tags"]},
        )

    async def put(self, subject: Subject, image: Image, api: Writer) -> None:
        """See Putting."""
        names = {"RoleName": subject.values["role"], "PolicyName": POLICY_NAME}
        before = image["revoked_before"]
        if before is None:
            await api.write("iam", "delete_role_policy", **names)
        else:
            await api.write("iam", "put_role_policy", **names, PolicyDocument=_document(before))


def _document(before: str) -> str:
    statement = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": before}},
    }
    return orjson.dumps({"Version": "2012-10-17", "Statement": [statement]}).decode()


def _time_in(document: Any) -> str | None:
    """Return the time in a policy that we wrote, None where it is another's under our name."""
    try:
        return str(document["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"])
    except (LookupError, TypeError):
        return None
