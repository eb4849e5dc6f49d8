"""Denies a user everything, until a person has looked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from daemon.actions.base import Change, Decline, Declined, Image, Permissions, Plan
from daemon.actions.config import ActionConfig
from daemon.actions.iam.names import NAME, USER_IN_EVENT
from daemon.actions.putting import Putting
from daemon.actions.subject import FromEvent, Subject, place_of, value_at
from daemon.clients.estate import Reader, Writer
from daemon.text_form import TextForm

PolicyArn = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]{1,512}$",
        "the ARN of a policy",
        "arn:aws:iam::aws:policy/AWSDenyAll",
    ),
]


class AttachDenyPolicyConfig(ActionConfig):
    """Attaches a managed policy that denies to the user that the event names."""

    reads_tags: ClassVar = True
    type: Literal["iam.attach-deny-policy"]
    user_name: FromEvent = USER_IN_EVENT
    """Where the event names the user."""
    policy_arn: PolicyArn = "arn:aws:iam::aws:policy/AWSDenyAll"
    """The policy; an event never chooses it."""


class AttachDenyPolicy(Putting[AttachDenyPolicyConfig]):
    """A denial wins over whatever else allows; the user's other policies stay.  Undo detaches it."""

    permissions: ClassVar = Permissions(
        read=("iam:ListAttachedUserPolicies", "iam:ListUserTags"),
        write=("iam:AttachUserPolicy",),
        undo=("iam:DetachUserPolicy",),
        resources=("arn:aws:iam::{account}:user/*",),
    )

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        account, region = place_of(event)
        user = value_at(event, self.config.user_name, NAME, "user name")
        return Subject(account, region, (f"arn:aws:iam::{account}:user/{user}",), {"user": user})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: whether the policy is attached, and the user's tags."""
        user = subject.values["user"]
        answer = await api.find("iam", "list_attached_user_policies", UserName=user, MaxItems=100)
        if answer is None:
            return None
        attached = {policy["PolicyArn"] for policy in answer["AttachedPolicies"]}
        tags = await api.read("iam", "list_user_tags", UserName=user)
        return {
            "denied": self.config.policy_arn in attached,
            "tags": {tag["Key"]: tag["Value"] for tag in tags["Tags"]},
        }

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        (name,) = subject.resources
        if image["denied"]:
            return Declined(Decline.ALREADY_RIGHT, "the policy is attached")
        return Plan(
            summary=f"attach {self.config.policy_arn} to {name}",
            changes=(Change(name, "policy", None, self.config.policy_arn),),
            before=image,
            after={**image, "denied": True},
            resource_tags={name: image["tags"]},
        )

    async def put(self, subject: Subject, image: Image, api: Writer) -> None:
        """See Putting."""
        call = "attach_user_policy" if image["denied"] else "detach_user_policy"
        await api.write("iam", call, UserName=subject.values["user"], PolicyArn=self.config.policy_arn)
