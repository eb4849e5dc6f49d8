"""The daemon acts in a member account: by a role there, within its allow lists, with credentials that it renews."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from anyio import to_thread

from tests.e2e.closing_ssh import CLOSED, configuration, open_to_the_world, opened_event, run_to_end
from tests.e2e.estates import ACCOUNT, estate_of, group_rules, make_group, member_of
from tests.emulators import CREDENTIALS, Emulator
from tests.faults import FaultProxy, refused_by_ec2, rewritten

pytestmark = pytest.mark.anyio

MEMBER = "210987654321"
OTHER_MEMBER = "310987654321"


def across(folder: Path, moto: Emulator, proxy: FaultProxy) -> dict[str, Any]:
    """Return a configuration that acts in the member account by a role."""
    config = configuration(folder, moto, "auto")
    config["aws"]["endpoint_url"] = proxy.endpoint_url
    config["estate"] = {
        "accounts": [ACCOUNT, MEMBER],
        "role_arn": "arn:aws:iam::{account}:role/vigild-acts",
        "external_id": "a-secret-of-both-sides",
        "session_name": "vigild-night",
    }
    return config


def soon_over(body: bytes) -> bytes:
    """Let the credentials of an answer of AssumeRole lapse in nine minutes: botocore renews them ten before."""
    end = (datetime.now(UTC) + timedelta(minutes=9)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return re.sub(rb"<Expiration>[^<]*<", f"<Expiration>{end}<".encode(), body)


def log_of(folder: Path) -> str:
    """Return what the daemons of a folder wrote."""
    return "".join(path.read_text() for path in folder.glob("*.log"))


async def test_a_member_account_is_reached_by_its_role(moto: Emulator, tmp_path: Path) -> None:
    """The member's group is closed by the role's session, made once for two events; the daemon's own account is not
    looked into, and the external id stands in no log.
    """
    async with FaultProxy(moto.endpoint_url) as proxy, member_of(moto, MEMBER) as member:
        groups = [await make_group(member, f"open-{uuid.uuid4()}") for _ in range(2)]
        for group in groups:
            await open_to_the_world(member, group)
        events = [opened_event(group) | {"account": MEMBER} for group in groups]

        told = await to_thread.run_sync(run_to_end, tmp_path, across(tmp_path, moto, proxy), events)

        assert [each["ending"] for each in told] == ["done", "done"]
        assert [await group_rules(member, group) for group in groups] == [CLOSED, CLOSED]
    (asked,) = [body for name, body in zip(proxy.seen, proxy.bodies, strict=True) if name == "AssumeRole"]
    form = {name: values[0] for name, values in parse_qs(asked.decode()).items()}
    assert form["RoleArn"] == f"arn:aws:iam::{MEMBER}:role/vigild-acts"
    assert (form["ExternalId"], form["RoleSessionName"]) == ("a-secret-of-both-sides", "vigild-night")
    signed = {key for name, key in zip(proxy.seen, proxy.keys, strict=True) if "SecurityGroup" in name}
    assert CREDENTIALS["AWS_ACCESS_KEY_ID"] not in signed
    assert "a-secret-of-both-sides" not in await to_thread.run_sync(log_of, tmp_path)


async def test_credentials_are_renewed_before_they_lapse(moto: Emulator, tmp_path: Path) -> None:
    """Credentials with nine minutes to go are no longer used: the role is assumed again, and the group closed."""
    async with FaultProxy(moto.endpoint_url) as proxy, member_of(moto, MEMBER) as member:
        group = await make_group(member, f"open-{uuid.uuid4()}")
        await open_to_the_world(member, group)
        proxy.add("AssumeRole", rewritten(soon_over), times=1)

        event = opened_event(group) | {"account": MEMBER}
        told = await to_thread.run_sync(run_to_end, tmp_path, across(tmp_path, moto, proxy), [event])

        assert ([each["ending"] for each in told], await group_rules(member, group)) == (["done"], CLOSED)
    assert proxy.seen.count("AssumeRole") == 2
    signed = [key for name, key in zip(proxy.seen, proxy.keys, strict=True) if "SecurityGroup" in name]
    assert len(set(signed[1:])) == 1


async def test_the_own_account_is_reached_by_the_own_credentials(moto: Emulator, tmp_path: Path) -> None:
    """No role is assumed in the account that the daemon runs in."""
    async with FaultProxy(moto.endpoint_url) as proxy, estate_of(moto) as own:
        group = await make_group(own, f"open-{uuid.uuid4()}")
        await open_to_the_world(own, group)

        told = await to_thread.run_sync(run_to_end, tmp_path, across(tmp_path, moto, proxy), [opened_event(group)])

        assert ([each["ending"] for each in told], await group_rules(own, group)) == (["done"], CLOSED)
    assert "AssumeRole" not in proxy.seen


@pytest.mark.parametrize(
    "place", [{"account": OTHER_MEMBER}, {"account": MEMBER, "region": "eu-west-1"}, {"account": "*"}, {"region": "%"}]
)
async def test_what_is_not_on_the_lists_is_not_reached(moto: Emulator, tmp_path: Path, place: dict[str, str]) -> None:
    """Neither an account nor a region outside the lists is called, whatever the event says it is about."""
    async with FaultProxy(moto.endpoint_url) as proxy:
        event = opened_event("sg-0123456789abcdef0") | place

        (told,) = await to_thread.run_sync(run_to_end, tmp_path, across(tmp_path, moto, proxy), [event])

    assert (told["ending"], told["reason"] in {"outside", "subject"}) == ("refused", True)
    assert not {"AssumeRole", "DescribeSecurityGroups"} & set(proxy.seen)


async def test_a_role_that_cannot_be_assumed_fails_its_own_intent(moto: Emulator, tmp_path: Path) -> None:
    """The member's trust policy does not let us in: its intent fails with a dead letter; the own account's is done."""
    async with FaultProxy(moto.endpoint_url) as proxy, estate_of(moto) as own:
        group = await make_group(own, f"open-{uuid.uuid4()}")
        await open_to_the_world(own, group)
        proxy.add("AssumeRole", refused_by_ec2("AccessDenied", 403))
        events = [opened_event("sg-0123456789abcdef0") | {"account": MEMBER}, opened_event(group)]

        told = await to_thread.run_sync(run_to_end, tmp_path, across(tmp_path, moto, proxy), events)

        assert {(each["ending"], each.get("reason", "")) for each in told} == {
            ("failed", "access_denied"),
            ("done", ""),
        }
        assert await group_rules(own, group) == CLOSED
    assert "access_denied" in (tmp_path / "dead.ndjson").read_text()
