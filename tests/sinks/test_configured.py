"""Each sink as its users meet it: named in a configuration file, checked and fed by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from anyio import to_thread

from daemon.clients import AwsClients
from tests.certificates import make_certificate
from tests.emulators import CREDENTIALS, Emulator, clients_of
from tests.faults import FaultProxy, dropped, throttled, unanswered, unavailable
from tests.secret_stores import keep_secret
from tests.sinks.aws_rigs import kinesis_rig
from tests.sinks.examples import EVENT
from tests.sinks.rigs import Rig
from tests.smtp_server import serve_mail

pytestmark = pytest.mark.anyio

REST = {
    "GET /accounts": "DescribeHub",
    "POST /findings/import": "BatchImportFindings",
    "POST /v2/email/outbound-emails": "SendEmail",
    "GET /v2/email/account": "GetAccount",
}
"""Operations whose name does not stand in their requests."""
ALSO_CHECKED = {"SendRawEmail"}
"""What IAM checks beside the action that has the operation's name."""
RULES: dict[str, Any] = {
    "rules": [
        {
            "name": "instance-started",
            "description": "An instance was started.",
            "severity": "high",
            "pattern": {"detail": {"state": ["running"]}},
        }
    ]
}


def vigild(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command over the configuration in the folder."""
    return subprocess.run(
        [sys.executable, "-m", "daemon", *arguments, "--config", str(folder / "vigild.yaml")],
        env={**os.environ, **CREDENTIALS, "VIGILD_TELEMETRY__LISTEN": "127.0.0.1:0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def configure(folder: Path, target: dict[str, Any], endpoint_url: str | None) -> None:
    """Write configuration, rule and event."""
    (folder / "event.json").write_bytes(EVENT)
    (folder / "rules.yaml").write_text(yaml.safe_dump(RULES))
    config = {
        "targets": {"alerts": target},
        "rules": [str(folder / "rules.yaml")],
        "state": {"type": "sqlite", "path": str(folder / "state.db")},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "letters.ndjson")}},
        "aws": {"region": "us-east-1"} | ({"endpoint_url": endpoint_url} if endpoint_url else {}),
    }
    (folder / "vigild.yaml").write_text(yaml.safe_dump(config))


def allowed(policy: str) -> set[str]:
    """Return the IAM actions of a policy."""
    return {action for statement in json.loads(policy)["Statement"] for action in statement["Action"]}


async def test_a_target_of_the_configuration_is_checked_and_fed(
    aws_rig: tuple[Rig, FaultProxy], tmp_path: Path
) -> None:
    """`vigild check` reaches the target, `vigild run` sends it the alert, once over two runs; `vigild iam-policy`
    allows the calls that were made, and no others.
    """
    rig, proxy = aws_rig
    configure(tmp_path, rig.options, proxy.endpoint_url)
    checked = await to_thread.run_sync(vigild, tmp_path, "check")
    for _ in range(2):
        ran = await to_thread.run_sync(vigild, tmp_path, "run", str(tmp_path / "event.json"))
        assert ran.returncode == 0, ran.stderr
    policy = await to_thread.run_sync(vigild, tmp_path, "iam-policy")

    assert "ok   target alerts: " in checked.stdout, checked.stdout
    (body,) = await rig.arrived()
    assert "instance-started" in body
    actions = {action.partition(":")[2] for action in allowed(policy.stdout)}
    assert {REST.get(call, call.rpartition("/")[2]) for call in proxy.seen} == actions - ALSO_CHECKED


async def test_a_stream_that_fails_now_and_then_gets_every_alert(
    roto: Emulator, roto_clients: AwsClients, tmp_path: Path
) -> None:
    """Calls that are throttled, dropped, or lose their answer cost no alert; only the last may leave copies, by key."""
    async with (
        kinesis_rig(roto_clients) as rig,
        FaultProxy(roto.endpoint_url) as proxy,
    ):
        for fault in (throttled(), dropped(), unanswered(), unavailable()):
            proxy.add("PutRecords", fault, times=1)
        quick = {"retry": {"base_seconds": 0.05}, "breaker": {"base_seconds": 0.1}}
        configure(tmp_path, {**rig.options, **quick}, proxy.endpoint_url)
        events = [EVENT.replace(b"7bf73129", f"{number:08}".encode()) for number in range(300)]
        (tmp_path / "events.ndjson").write_bytes(b"\n".join(events))
        ran = await to_thread.run_sync(vigild, tmp_path, "run", str(tmp_path / "events.ndjson"))
        told = Counter(json.loads(body)["event"]["id"] for body in await rig.arrived())

    assert ran.returncode == 0, ran.stderr
    assert "exact" in ran.stderr
    assert {json.loads(event)["id"] for event in events} == told.keys()
    assert max(told.values()) <= 2
    assert not (tmp_path / "letters.ndjson").exists()


async def test_mail_of_the_configuration_is_checked_and_sent(moto: Emulator, tmp_path: Path) -> None:
    """The same over a mail server, with STARTTLS and a password that Secrets Manager keeps."""
    aws = clients_of(moto)
    tls, ca_file = make_certificate(tmp_path)
    async with serve_mail(tls, password="hunter2") as server:
        target = {
            "type": "smtp",
            "host": "127.0.0.1",
            "port": server.port,
            "ca_file": str(ca_file),
            "username": "vigild",
            "password": f"aws-secret:{await keep_secret(aws, 'hunter2')}",
            "sender": "vigild@alerts.example",
            "recipients": ["ada@ops.example"],
        }
        configure(tmp_path, target, moto.endpoint_url)
        checked = await to_thread.run_sync(vigild, tmp_path, "check")
        for _ in range(2):
            ran = await to_thread.run_sync(vigild, tmp_path, "run", str(tmp_path / "event.json"))
            assert ran.returncode == 0, ran.stderr
    await aws.close()

    assert "ok   target alerts: 127.0.0.1" in checked.stdout, checked.stdout
    (mail,) = server.mails
    assert "instance-started" in mail.text
    assert "hunter2" not in checked.stdout + checked.stderr + ran.stdout + ran.stderr
