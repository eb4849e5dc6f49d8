"""The actions on IAM, on an emulated estate."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from daemon.actions.base import Decline, Declined
from daemon.actions.iam.revoke_sessions import POLICY_NAME
from daemon.actions.subject import SubjectError
from daemon.clients import AwsClients
from tests.actions.acting import acting, event_of
from tests.emulators import REGION, Emulator

pytestmark = pytest.mark.anyio


async def make_user(aws: AwsClients) -> tuple[str, str, str]:
    """Make a user with two keys; return its name and the keys."""
    iam = await aws.client("iam", REGION)
    name = f"user-{uuid.uuid4().hex[:12]}"
    await iam.create_user(UserName=name)
    keys = [(await iam.create_access_key(UserName=name))["AccessKey"]["AccessKeyId"] for _ in range(2)]
    return name, keys[0], keys[1]


async def key_states(aws: AwsClients, user: str) -> dict[str, str]:
    """Return the status of each of a user's keys."""
    iam = await aws.client("iam", REGION)
    found = await iam.list_access_keys(UserName=user)
    return {key["AccessKeyId"]: key["Status"] for key in found["AccessKeyMetadata"]}


def of_user(user: object, key: object = None) -> dict[str, Any]:
    """Return an event about a user's key as CloudTrail tells it."""
    return event_of(requestParameters={"userName": user, "accessKeyId": key})


async def test_one_key_is_deactivated_and_back(moto: Emulator) -> None:
    """The other key of the user stays active; undo activates it."""
    async with acting(moto, {"type": "iam.deactivate-access-key"}) as it:
        user, key, other = await make_user(it.aws)

        plan, applied = await it.act(of_user(user, key))
        assert {key: "Inactive", other: "Active"} == await key_states(it.aws, user)
        again = await it.plan(of_user(user, key))
        await it.undo(of_user(user, key), plan, applied)

        assert isinstance(again, Declined)
        assert (Decline.ALREADY_RIGHT, {"Active"}) == (again.reason, set((await key_states(it.aws, user)).values()))


async def test_a_key_of_somebody_else_is_not_touched(moto: Emulator) -> None:
    """A user's name with a key that is not theirs gives no plan."""
    async with acting(moto, {"type": "iam.deactivate-access-key"}) as it:
        user, _, _ = await make_user(it.aws)
        _, foreign, _ = await make_user(it.aws)

        assert await it.plan(of_user(user, foreign)) is None
        assert await it.plan(of_user("nobody", foreign)) is None


async def make_policy(aws: AwsClients, effect: str) -> str:
    """Make a managed policy that allows or denies everything; return its ARN."""
    iam = await aws.client("iam", REGION)
    statement = {"Effect": effect, "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = await iam.create_policy(PolicyName=f"{effect}-{uuid.uuid4().hex[:8]}", PolicyDocument=document)
    return str(made["Policy"]["Arn"])


async def attached_to(aws: AwsClients, user: str) -> set[str]:
    """Return the managed policies of a user."""
    iam = await aws.client("iam", REGION)
    found = await iam.list_attached_user_policies(UserName=user)
    return {each["PolicyArn"] for each in found["AttachedPolicies"]}


async def test_a_user_is_denied_everything_and_back(moto: Emulator) -> None:
    """The policy is attached beside what there is; undo detaches it."""
    async with acting(moto, {"type": "iam.attach-deny-policy"}) as plain:
        user, _, _ = await make_user(plain.aws)
        allows, denies = await make_policy(plain.aws, "Allow"), await make_policy(plain.aws, "Deny")
        iam = await plain.aws.client("iam", REGION)
        await iam.attach_user_policy(UserName=user, PolicyArn=allows)
    async with acting(moto, {"type": "iam.attach-deny-policy", "policy_arn": denies}) as it:
        plan, applied = await it.act(of_user(user))
        assert {allows, denies} == await attached_to(it.aws, user)
        await it.undo(of_user(user), plan, applied)

        assert {allows} == await attached_to(it.aws, user)


async def test_sessions_before_the_event_are_revoked_and_back(moto: Emulator) -> None:
    """The role gets a policy that denies sessions from before the event; a later event moves it on, undo back."""
    async with acting(moto, {"type": "iam.revoke-sessions"}) as it:
        iam = await it.aws.client("iam", REGION)
        role = f"role-{uuid.uuid4().hex[:12]}"
        await iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": []}))
        first = event_of(requestParameters={"roleName": role}, eventTime="2026-01-01T00:00:00Z")
        later = event_of(requestParameters={"roleName": role}, eventTime="2026-01-02T00:00:00Z")

        one, applied_one = await it.act(first)
        two, applied_two = await it.act(later)
        policy = (await iam.get_role_policy(RoleName=role, PolicyName=POLICY_NAME))["PolicyDocument"]
        earlier = await it.plan(first)
        await it.undo(later, two, applied_two)
        await it.undo(first, one, applied_one)

        (statement,) = policy["Statement"]
        assert statement["Condition"] == {"DateLessThan": {"aws:TokenIssueTime": "2026-01-02T00:00:00Z"}}
        assert isinstance(earlier, Declined)
        assert (await iam.list_role_policies(RoleName=role))["PolicyNames"] == []


@pytest.mark.parametrize("user", ["a/b", "x" * 65, "", None, 5, ["a", "b"], "a\nb", "arn:aws:iam::1:user/x"])
async def test_what_is_no_user_is_refused(moto: Emulator, user: object) -> None:
    """A name that cannot be a user's never reaches IAM."""
    async with acting(moto, {"type": "iam.attach-deny-policy"}) as it:
        with pytest.raises(SubjectError, match="user name"):
            await it.plan(of_user(user))
