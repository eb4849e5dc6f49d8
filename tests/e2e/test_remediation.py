"""The daemon acts on an estate from its configuration file; plain clients read the estate before and after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.clients import AwsClients
from tests.e2e.estates import ACCOUNT, estate_of, group_rules, make_group
from tests.e2e.processes import run_daemon
from tests.emulators import CREDENTIALS, REGION, Emulator

pytestmark = pytest.mark.anyio


def opened_event(group: str, **changes: Any) -> dict[str, Any]:
    """Return what EventBridge sends when somebody opens port 22 of a group to the world."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": ACCOUNT,
        "time": "2026-01-01T00:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": {
            "eventSource": "ec2.amazonaws.com",
            "eventName": "AuthorizeSecurityGroupIngress",
            "requestParameters": {"groupId": group},
            **changes,
        },
    }


async def open_to_the_world(aws: AwsClients, group: str) -> None:
    """Open tcp/22 to everybody, beside other rules that must stay."""
    ec2 = await aws.client("ec2", REGION)
    rules = [
        {
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.1.0.0/16"}],
        },
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
    ]
    await ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)


def configuration(folder: Path, moto: Emulator, mode: str) -> dict[str, Any]:
    """Return a configuration that reads a file of events and closes port 22."""
    rule = {
        "name": "ssh-opened",
        "description": "Port 22 is open to the world.",
        "pattern": {"detail": {"eventName": ["AuthorizeSecurityGroupIngress"]}},
        "targets": [],
        "actions": ["close-ssh"],
    }
    (folder / "rules.yaml").write_text(yaml.safe_dump({"rules": [rule]}))
    return {
        "sources": {"events": {"type": "file", "paths": [str(folder / "events.ndjson")]}},
        "rules": [str(folder / "rules.yaml")],
        "targets": {"alerts": {"type": "file", "path": str(folder / "alerts.ndjson")}},
        "actions": {
            "close-ssh": {
                "type": "ec2.restrict-ingress",
                "mode": mode,
                "port": 22,
                "allowed": ["10.10.0.0/16"],
                "notify": ["alerts"],
            }
        },
        "state": {"type": "sqlite", "path": str(folder / "state.sqlite")},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
        "aws": {"region": REGION, "endpoint_url": moto.endpoint_url},
    }


def run_to_end(folder: Path, config: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run the daemon over the events until it ends; return the details of what it told."""
    (folder / "events.ndjson").write_text("".join(json.dumps(event) + "\n" for event in events))
    with run_daemon(folder, config) as daemon:
        assert daemon.process.wait(60) == 0, daemon.log_text()
    alerts = folder / "alerts.ndjson"
    return [json.loads(line)["event"]["detail"] for line in alerts.read_text().splitlines()] if alerts.exists() else []


async def test_port_22_is_closed_and_nothing_else_changes(moto: Emulator, tmp_path: Path) -> None:
    """In auto mode only the offending blocks go, the allowed one comes, and the result is told."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)

        told = run_to_end(tmp_path, configuration(tmp_path, moto, "auto"), [opened_event(group)])

        assert [each["ending"] for each in told] == ["done"]
        assert await group_rules(aws, group) == [
            "tcp 22-22 10.1.0.0/16",
            "tcp 22-22 10.10.0.0/16",
            "tcp 443-443 0.0.0.0/0",
        ]


async def test_shadow_only_says_what_it_would_do(moto: Emulator, tmp_path: Path) -> None:
    """In shadow mode nothing changes, and the difference is told."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        before = await group_rules(aws, group)

        told = run_to_end(tmp_path, configuration(tmp_path, moto, "shadow"), [opened_event(group)])

        assert [each["ending"] for each in told] == ["would_do"]
        assert before == await group_rules(aws, group)


def vigild(folder: Path, config: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run another command with the same configuration."""
    path = folder / "vigild.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "daemon", *arguments, "--config", str(path)]
    return subprocess.run(
        command, env={**os.environ, **CREDENTIALS}, capture_output=True, text=True, timeout=60, check=False
    )


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
        approved = vigild(tmp_path, config, "approve", told["intent"], "--by", "ada")
        again = vigild(tmp_path, config, "approve", told["intent"], "--by", "eve")

        assert told["intent"] in listed.stdout
        assert (approved.returncode, again.returncode) == (0, 2)
        (tmp_path / "more").mkdir()
        config["sources"]["events"] = {"type": "file", "paths": [str(tmp_path / "more")], "follow": True}
        with run_daemon(tmp_path, config) as daemon:
            daemon.wait_for(lambda: len((tmp_path / "alerts.ndjson").read_text().splitlines()) == 2, "told")
        assert await group_rules(aws, group) == [
            "tcp 22-22 10.1.0.0/16",
            "tcp 22-22 10.10.0.0/16",
            "tcp 443-443 0.0.0.0/0",
        ]


async def test_our_own_change_triggers_nothing(moto: Emulator, tmp_path: Path) -> None:
    """The event of our own call, known by its request id, is refused and recorded."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        config = configuration(tmp_path, moto, "auto")
        run_to_end(tmp_path, config, [opened_event(group)])
        exported = [json.loads(line) for line in vigild(tmp_path, config, "journal", "export").stdout.splitlines()]
        request = exported[-1]["requests"][0].rpartition(":")[2]

        (tmp_path / "events.ndjson").unlink()
        told = run_to_end(tmp_path, config, [opened_event(group, requestID=request)])

        assert (told[-1]["ending"], told[-1]["reason"]) == ("refused", "own_event")


async def test_a_held_rule_does_not_act(moto: Emulator, tmp_path: Path) -> None:
    """While a person holds a rule its actions are refused; once lifted it acts again."""
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        config = configuration(tmp_path, moto, "auto")
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
