"""The daemon acts on an estate from its configuration file; plain clients read the estate before and after."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from tests.e2e.closing_ssh import CLOSED, configuration, open_to_the_world, opened_event, run_to_end, vigild
from tests.e2e.estates import estate_of, group_rules, make_group
from tests.e2e.processes import run_daemon
from tests.emulators import Emulator
from tests.faults import FaultProxy, answering

pytestmark = pytest.mark.anyio


async def test_port_22_is_closed_and_nothing_else_changes(moto: Emulator, tmp_path: Path) -> None:
    """In auto mode only the offending blocks go, the allowed one comes, and the result is told."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)

        told = run_to_end(tmp_path, configuration(tmp_path, moto, "auto"), [opened_event(group)])

        assert [each["ending"] for each in told] == ["done"]
        assert await group_rules(aws, group) == CLOSED


async def test_shadow_only_says_what_it_would_do(moto: Emulator, tmp_path: Path) -> None:
    """In shadow mode nothing but reads leaves the process, nothing changes, and the difference is told."""
    async with FaultProxy(moto.endpoint_url) as proxy, estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        before = await group_rules(aws, group)
        config = configuration(tmp_path, moto, "shadow")
        config["aws"]["endpoint_url"] = proxy.endpoint_url

        told = await to_thread.run_sync(run_to_end, tmp_path, config, [opened_event(group)])

        assert [each["ending"] for each in told] == ["would_do"]
        assert "tcp/22 from 0.0.0.0/0" in str(told[0]["changes"])
        assert {"GetCallerIdentity", "DescribeSecurityGroups"} == set(proxy.seen)
        assert before == await group_rules(aws, group)


async def test_undo_brings_the_very_rules_back(moto: Emulator, tmp_path: Path) -> None:
    """`vigild undo` restores what the action changed, once, and the journal has it all in an unbroken chain."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        before = await group_rules(aws, group)
        config = configuration(tmp_path, moto, "auto")
        (told,) = run_to_end(tmp_path, config, [opened_event(group)])

        first = vigild(tmp_path, config, "undo", told["intent"], "--by", "ada")
        again = vigild(tmp_path, config, "undo", told["intent"], "--by", "ada")

        assert (0, before) == (first.returncode, await group_rules(aws, group)), first.stderr
        assert (again.returncode, "undone already" in again.stderr) == (2, True)
        exported = vigild(tmp_path, config, "journal", "export").stdout.splitlines()
        assert [json.loads(line)["step"] for line in exported] == ["begun", "done", "undone"]
        assert "every link holds" in vigild(tmp_path, config, "journal", "verify").stdout


async def test_an_approved_plan_is_carried_out_once(moto: Emulator, tmp_path: Path) -> None:
    """In approve mode nothing happens until a person approves; a second answer is refused."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        before = await group_rules(aws, group)
        config = configuration(tmp_path, moto, "approve")
        (told,) = run_to_end(tmp_path, config, [opened_event(group)])
        assert ("waiting", before) == (told["ending"], await group_rules(aws, group))

        listed = vigild(tmp_path, config, "approvals")
        (waits,) = map(json.loads, vigild(tmp_path, config, "approvals", "--json").stdout.splitlines())
        approved = vigild(tmp_path, config, "approve", told["intent"], "--by", "ada")
        again = vigild(tmp_path, config, "approve", told["intent"], "--by", "eve")

        assert told["intent"] in listed.stdout
        assert (waits["intent"], bool(waits["changes"])) == (told["intent"], True)
        assert (approved.returncode, again.returncode) == (0, 2)
        (tmp_path / "more").mkdir()
        config["sources"]["events"] = {"type": "file", "paths": [str(tmp_path / "more")], "follow": True}
        with run_daemon(tmp_path, config) as daemon:
            daemon.wait_for(lambda: len((tmp_path / "alerts.ndjson").read_text().splitlines()) == 2, "told")
        assert await group_rules(aws, group) == CLOSED


async def test_what_aws_refused_can_be_redriven(moto: Emulator, tmp_path: Path) -> None:
    """A denied call ends as failed with a dead letter; once it is allowed, redriving the letter closes the port."""
    denied = answering(403, {"__type": "UnauthorizedOperation", "message": "You are not authorized."})
    async with FaultProxy(moto.endpoint_url) as proxy, estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        config = configuration(tmp_path, moto, "auto")
        config["aws"]["endpoint_url"] = proxy.endpoint_url
        config["actions"]["close-ssh"]["retry"] = {"max_age_seconds": 2, "max_attempts": 2, "base_seconds": 0.1}
        proxy.add("AuthorizeSecurityGroupIngress", denied)
        (failed,) = await to_thread.run_sync(run_to_end, tmp_path, config, [opened_event(group)])
        proxy.clear()

        redriven = await to_thread.run_sync(vigild, tmp_path, config, "dead-letters", "redrive")

        assert (failed["ending"], redriven.returncode) == ("failed", 0), redriven.stderr
        assert await group_rules(aws, group) == CLOSED


async def test_a_held_rule_does_not_act(moto: Emulator, tmp_path: Path) -> None:
    """While a person holds a rule its actions are refused; once lifted it acts again."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        config = configuration(tmp_path, moto, "auto")
        run_to_end(tmp_path, config, [])  # a hold is placed where a daemon keeps its state
        (tmp_path / "events.ndjson").unlink()
        held = vigild(tmp_path, config, "holds", "add", "--why", "a migration", "--on", "rule=ssh-*")
        assert held.returncode == 0, held.stderr

        (refused,) = run_to_end(tmp_path, config, [opened_event(group)])
        vigild(tmp_path, config, "holds", "lift", held.stdout.split()[1])
        (tmp_path / "events.ndjson").unlink()
        told = run_to_end(tmp_path, config, [opened_event(group)])

        assert (refused["ending"], refused["reason"], told[-1]["ending"]) == ("refused", "held", "done")


@pytest.mark.parametrize(
    ("group", "reason"),
    [("sg-0123456789abcdef0", "not_found"), ("sg-1; rm -rf /", "subject"), (["sg-1"], "subject"), (None, "subject")],
)
async def test_a_group_that_is_none_is_refused(moto: Emulator, tmp_path: Path, group: Any, reason: str) -> None:
    """What an event names and is not there, or is no group id at all, ends with a reason and no call that writes."""
    (told,) = run_to_end(tmp_path, configuration(tmp_path, moto, "auto"), [opened_event(group)])

    assert reason == told["reason"]


async def test_another_account_is_not_touched(moto: Emulator, tmp_path: Path) -> None:
    """An event of an account outside the allow list ends as refused."""
    event = opened_event("sg-0123456789abcdef0") | {"account": "999999999999"}

    (told,) = run_to_end(tmp_path, configuration(tmp_path, moto, "auto"), [event])

    assert (told["ending"], told["reason"]) == ("refused", "outside")
