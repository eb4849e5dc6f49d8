"""A rule that closes port 22: its configuration, the event that it waits for, and runs of the daemon over it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import yaml

from daemon.clients import AwsClients
from tests.e2e.estates import ACCOUNT
from tests.e2e.processes import run_daemon
from tests.emulators import CREDENTIALS, REGION, Emulator

CLOSED = ["tcp 22-22 10.1.0.0/16", "tcp 22-22 10.10.0.0/16", "tcp 443-443 0.0.0.0/0"]
"""What the group lets in once port 22 is closed to the world."""


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
        # 3: what was asked for failed, and is parked.
        assert daemon.process.wait(60) in {0, 3}, daemon.log_text()
    alerts = folder / "alerts.ndjson"
    return [json.loads(line)["event"]["detail"] for line in alerts.read_text().splitlines()] if alerts.exists() else []


def vigild(folder: Path, config: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run another command with the same configuration."""
    path = folder / "vigild.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "daemon", *arguments, "--config", str(path)]
    return subprocess.run(
        command, env={**os.environ, **CREDENTIALS}, capture_output=True, text=True, timeout=60, check=False
    )
