"""What `vigild iam-policy` prints for a configuration, against every call that its commands make over the wire."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.closing_ssh import configuration, open_to_the_world, opened_event, vigild
from tests.e2e.estates import ACCOUNT, estate_of, group_rules, make_group, member_of
from tests.e2e.processes import run_daemon
from tests.emulators import REGION, Emulator
from tests.faults import FaultProxy, refused

pytestmark = pytest.mark.anyio

MEMBER = "410987654321"
NO_PERMISSION = {"sts:GetCallerIdentity"}
"""Calls that IAM allows everybody (STS API reference)."""
ONLY_AT_LEISURE = {"sqs:ChangeMessageVisibility"}
"""What a message takes that is worked on for longer than tests last; tests/sources/sqs/ makes it."""


@pytest.fixture
async def aws(moto: Emulator) -> AsyncIterator[AwsClients]:
    """Yield plain clients of the daemon's own account."""
    async with estate_of(moto) as clients:
        yield clients


async def configured(aws: AwsClients, folder: Path, moto: Emulator, proxy: FaultProxy) -> dict[str, Any]:
    """Return a configuration with one of every part that calls AWS, all of it behind the proxy."""
    name = uuid.uuid4().hex[:12]
    sqs, sns = await aws.client("sqs", REGION), await aws.client("sns", REGION)
    urls = {
        use: (await sqs.create_queue(QueueName=f"{use}-{name}"))["QueueUrl"]
        for use in ("events", "named", "alerts", "dead")
    }
    topic = (await sns.create_topic(Name=f"alerts-{name}"))["TopicArn"]
    kinesis = await aws.client("kinesis", REGION)
    for stream in (f"in-{name}", f"out-{name}"):
        await kinesis.create_stream(StreamName=stream, ShardCount=1)
    config = configuration(folder, moto, "auto")
    config["aws"]["endpoint_url"] = proxy.endpoint_url
    config["sources"] = {
        "events": {"type": "sqs", "queue_url": urls["events"]},
        "named": {"type": "sqs", "queue_name": f"named-{name}"},
        "stream": {"type": "kinesis", "stream_name": f"in-{name}"},
    }
    config["targets"] = {
        "alerts": {"type": "file", "path": str(folder / "alerts.ndjson")},
        "topic": {"type": "sns", "topic_arn": topic},
        "queue": {"type": "sqs", "queue_url": urls["alerts"]},
        "flow": {"type": "kinesis", "stream_arn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/out-{name}"},
    }
    config["actions"]["close-ssh"]["notify"] = ["alerts", "topic", "queue", "flow"]
    config["dead_letters"] = {"default": {"type": "sqs", "queue_url": urls["dead"]}}
    config["state"] = {"type": "dynamodb", "table_name": f"state-{name}"}
    config["estate"] = {"accounts": [ACCOUNT, MEMBER], "role_arn": "arn:aws:iam::{account}:role/vigild-acts"}
    return config


def allowed(folder: Path, config: dict[str, Any], role: str) -> set[str]:
    """Return the IAM actions of a policy."""
    done = vigild(folder, config, "iam-policy", "--role", role, "--account", ACCOUNT)
    return {action for each in json.loads(done.stdout)["Statement"] for action in each["Action"]}


async def test_every_call_is_in_the_policy_and_nothing_else_is(aws: AwsClients, moto: Emulator, tmp_path: Path) -> None:
    """Checked, run over an event of either account, of which one fails, with its dead letter redriven and both actions
    undone, the daemon has called all that its two policies allow, under the role they are for, and nothing beside.
    """
    async with FaultProxy(moto.endpoint_url) as proxy, member_of(moto, MEMBER) as member:
        config = await configured(aws, tmp_path, moto, proxy)
        await to_thread.run_sync(lambda: vigild(tmp_path, direct(config, moto), "state", "create-table"))
        await to_thread.run_sync(vigild, tmp_path, config, "check")
        events = []
        for account, clients in ((ACCOUNT, aws), (MEMBER, member)):
            group = await make_group(clients, f"open-{uuid.uuid4()}")
            await open_to_the_world(clients, group)
            events.append(opened_event(group) | {"account": account})
        sqs = await aws.client("sqs", REGION)
        proxy.add("RevokeSecurityGroupIngress", refused("ec2", "UnauthorizedOperation", 403), times=1)
        with run_daemon(tmp_path, config) as daemon:
            for event in events:
                url = config["sources"]["events"]["queue_url"]
                await sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
            alerts = tmp_path / "alerts.ndjson"
            await to_thread.run_sync(daemon.wait_for, lambda: len(endings(alerts)) == 2, "told of both")
            await to_thread.run_sync(daemon.stop)
        assert sorted(endings(alerts).values()) == ["done", "failed"]
        redriven = await to_thread.run_sync(vigild, tmp_path, config, "dead-letters", "redrive")
        assert redriven.returncode == 0, redriven.stderr
        undone = [await to_thread.run_sync(vigild, tmp_path, config, "undo", intent) for intent in endings(alerts)]
        assert [each.returncode for each in undone] == [0, 0], undone
        assert "tcp 22-22 0.0.0.0/0" in await group_rules(member, events[1]["detail"]["requestParameters"]["groupId"])
    own = calls_by(proxy, own=True) - NO_PERMISSION
    granted = await to_thread.run_sync(allowed, tmp_path, config, "daemon")
    assert (own - granted, granted - own - ONLY_AT_LEISURE) == (set(), set())
    estate = await to_thread.run_sync(allowed, tmp_path, config, "estate")
    assert estate == calls_by(proxy, own=False) - NO_PERMISSION


def direct(config: dict[str, Any], moto: Emulator) -> dict[str, Any]:
    """Return the configuration past the proxy: a person makes the table, under a role of their own."""
    return config | {"aws": config["aws"] | {"endpoint_url": moto.endpoint_url}}


def endings(alerts: Path) -> dict[str, str]:
    """Return how each intent ended, as the file of alerts tells."""
    lines = alerts.read_text().splitlines() if alerts.exists() else []
    details = [json.loads(line)["event"]["detail"] for line in lines]
    return {detail["intent"]: detail["ending"] for detail in details}


def calls_by(proxy: FaultProxy, *, own: bool) -> set[str]:
    """Return the calls that were signed with the daemon's own credentials, or with those of roles.

    Batches of SQS take the permission of their entries.
    """
    signed = zip(proxy.services, proxy.seen, proxy.keys, strict=True)
    return {f"{service}:{name.removesuffix('Batch')}" for service, name, key in signed if (key == "test") == own}
