"""Actions whose own calls match their rules, and resources that are touched again and again: the loop ends."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from tests.e2e.closing_ssh import CLOSED, configuration, open_to_the_world, opened_event, run_to_end, vigild
from tests.e2e.estates import ACCOUNT, estate_of, group_rules, make_group, open_ports
from tests.emulators import Emulator
from tests.faults import FaultProxy

pytestmark = pytest.mark.anyio

OWN_ARN = f"arn:aws:sts::{ACCOUNT}:user/moto"
"""Whom the emulator takes everybody for."""
WRITES = ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress")


def journal(folder: Path, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of the journal, whose chain is checked."""
    return [json.loads(line) for line in vigild(folder, config, "journal", "export").stdout.splitlines()]


def request_id(entry: dict[str, Any], proxy: FaultProxy) -> dict[str, Any]:
    """Return the mark of the request that the journal names."""
    del proxy
    (request,) = [each for each in entry["requests"] if "Authorize" in each]
    return {"requestID": request.rpartition(":")[2]}


def role_session(entry: dict[str, Any], proxy: FaultProxy) -> dict[str, Any]:
    """Return the mark of a session of the role, as CloudTrail shows whoever called."""
    del entry, proxy
    return {"userIdentity": session_of("vigild-acts"), "requestID": str(uuid.uuid4())}


def user_agent(entry: dict[str, Any], proxy: FaultProxy) -> dict[str, Any]:
    """Return the mark of the user agent that the call really had, in brackets as CloudTrail shows it."""
    del entry
    agent = proxy.agents[proxy.seen.index("AuthorizeSecurityGroupIngress")]
    return {"userIdentity": {"type": "IAMUser", "arn": OWN_ARN}, "userAgent": f"[{agent}]"}


def session_of(role: str) -> dict[str, str]:
    return {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/vigild"}


@pytest.mark.parametrize(("mark", "linked"), [(request_id, True), (role_session, False), (user_agent, False)])
async def test_an_action_whose_own_event_matches_its_rule_fires_once(
    moto: Emulator,
    tmp_path: Path,
    mark: Callable[[dict[str, Any], FaultProxy], dict[str, Any]],
    linked: bool,  # noqa: FBT001 - a parameter of the case
) -> None:
    """CloudTrail's event of our own call, known by one mark alone, matches the rule and changes nothing more, although
    the group is open again; the journal says so, and by the request's id of which intent the call was.
    """
    async with FaultProxy(moto.endpoint_url) as proxy, estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        config = configuration(tmp_path, moto, "auto")
        config["aws"]["endpoint_url"] = proxy.endpoint_url
        config["actions"]["close-ssh"]["cooldown_seconds"] = 0
        config["estate"] = {"accounts": [ACCOUNT], "role_arn": "arn:aws:iam::{account}:role/vigild-acts"}
        (done,) = await to_thread.run_sync(run_to_end, tmp_path, config, [opened_event(group)])
        own = opened_event(group, **mark(journal(tmp_path, config)[-1], proxy))
        opened = await open_ports(aws, group, 22, 22, "0.0.0.0/0")
        made = [name for name in proxy.seen if name in WRITES]

        (tmp_path / "events.ndjson").unlink()
        told = await to_thread.run_sync(run_to_end, tmp_path, config, [own])

        assert (told[-1]["ending"], told[-1]["reason"]) == ("refused", "own_event")
        assert (made, opened) == ([name for name in proxy.seen if name in WRITES], await group_rules(aws, group))
    last = journal(tmp_path, config)[-1]
    assert (last["step"], last["reason"]) == ("refused", "own_event")
    assert (done["intent"] in last["detail"]) == linked


@pytest.mark.parametrize(
    ("identity", "agent"),
    [
        ({"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/vigild"}, "not-vigild/1"),
        (session_of("evil"), "aws-cli/2 vigild/9"),
    ],
    ids=["like names", "our session's name and our agent"],
)
async def test_somebody_elses_event_with_our_marks_is_acted_on(
    moto: Emulator, tmp_path: Path, identity: dict[str, str], agent: str
) -> None:
    """What a caller may choose himself, his session's name and his user agent, does not keep us from acting."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        event = opened_event(group, userIdentity=identity, userAgent=agent, requestID=str(uuid.uuid4()))

        (told,) = run_to_end(tmp_path, configuration(tmp_path, moto, "auto"), [event])

        assert (told["ending"], await group_rules(aws, group)) == ("done", CLOSED)


async def test_a_resource_touched_too_often_suspends_the_rule_and_alerts(moto: Emulator, tmp_path: Path) -> None:
    """Past `touches_per_hour` the rule acts no more until a person resumes it; the alert of the last touch says so."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        config = configuration(tmp_path, moto, "auto")
        config["actions"]["close-ssh"] |= {"cooldown_seconds": 0, "touches_per_hour": 2}
        for _ in range(4):
            (tmp_path / "events.ndjson").unlink(missing_ok=True)
            opened = await open_ports(aws, group, 22, 22, "0.0.0.0/0")
            told = run_to_end(tmp_path, config, [opened_event(group)])

        assert [each["ending"] for each in told] == ["done", "done", "done", "refused"]
        assert ("message" in told[1], told[3]["reason"]) == (False, "held")
        assert (
            f"rule ssh-opened is suspended until a person resumes it: {group} was touched 3 times" in told[2]["message"]
        )
        assert "loop-ssh-opened" in vigild(tmp_path, config, "holds", "list").stdout
        assert opened == await group_rules(aws, group)
        assert [entry["step"] for entry in journal(tmp_path, config)].count("held") == 1
