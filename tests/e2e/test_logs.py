"""CloudWatch Logs records through the daemon, from its configuration file to a sink."""

from __future__ import annotations

import base64
import gzip
from collections import Counter
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson
import pytest
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.processes import run_daemon
from tests.e2e.test_files import RECORD, vigild
from tests.e2e.test_sqs_to_webhook import make_queue, wait_until_empty
from tests.e2e.watching import assert_balanced
from tests.emulators import Emulator

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180)]

RULES = """
rules:
  - name: not-found
    description: A page is missing.
    log: {groups: ["/web/*"], filter: '[ip, request, status=404]'}
    targets:
      - target: alerts
        input_transformer:
          InputPathsMap: {ip: $.detail.extractedFields.ip, group: $.detail.logGroup}
          InputTemplate: '{"ip": <ip>, "group": <group>}'
    tests:
      - {name: missing, match: true, log: {group: /web/a, message: '10.0.0.1 "GET /x" 404'}}
      - {name: found, match: false, log: {group: /web/a, message: '10.0.0.1 "GET /x" 200'}}
  - name: errors
    description: Something is wrong.
    log: {filter: "?ERROR ?FATAL"}
  - name: logging-stopped
    description: A trail was stopped.
    pattern: {detail: {eventName: [StopLogging]}}
  - name: logging-stopped-in-the-log
    description: A trail was stopped, says its own log group.
    pattern: {source: [aws.cloudtrail]}
    log: {groups: [trail], filter: '{ $.eventName = "StopLogging" }'}
    tests:
      - name: stopped
        match: true
        log:
          group: trail
          message: {eventID: x, eventType: AwsApiCall, eventSource: cloudtrail.amazonaws.com, eventName: StopLogging}
"""
TRAIL = {"logGroup": "trail", "logStream": "111122223333_CloudTrail_eu-west-1"}


def record(*messages: str, **changes: Any) -> bytes:
    """Return a record as a subscription delivers it."""
    log_events = [
        {"id": f"{crc32(message.encode()):056d}", "timestamp": 1_767_323_045_000, "message": message}
        for message in messages
    ]
    whole = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "/web/shop",
        "logStream": "i-1",
        "subscriptionFilters": ["all"],
        "logEvents": log_events,
    }
    return gzip.compress(orjson.dumps({**whole, **changes}))


def configuration(folder: Path, **source: Any) -> dict[str, Any]:
    (folder / "rules.yaml").write_text(RULES)
    return {
        "sources": {"logs": source},
        "limits": {"event_log_groups": ["trail"]},
        "rules": [str(folder / "rules.yaml")],
        "targets": {"alerts": {"type": "file", "path": str(folder / "alerts.ndjson")}},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
        "state": {"path": str(folder / "state.sqlite")},
    }


def alerts(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (folder / "alerts.ndjson").read_bytes().splitlines()]


def test_files_of_records_are_watched(tmp_path: Path) -> None:
    """Records in files, several members in one: lines and CloudTrail events alert by their filters, each once."""
    files = tmp_path / "files"
    files.mkdir()
    probe = record("CWL CONTROL MESSAGE: ERROR", messageType="CONTROL_MESSAGE")
    lines = record('10.0.0.1 "GET /x" 404', '10.0.0.2 "GET /x" 200', "a FATAL error")
    (files / "a.gz").write_bytes(probe + lines + record(orjson.dumps(RECORD).decode(), **TRAIL))
    (files / "b.gz").write_bytes(lines)
    config = configuration(tmp_path, type="file", paths=[str(files)])
    (tmp_path / "vigild.yaml").write_bytes(orjson.dumps(config))
    done = vigild(tmp_path, "run", "--config", "vigild.yaml")

    found = alerts(tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"exact" in done.stderr
    assert {"ip": "10.0.0.1", "group": "/web/shop"} in found
    named = Counter(alert["rule"] for alert in found if "rule" in alert)
    assert named == {"errors": 1, "logging-stopped": 1, "logging-stopped-in-the-log": 1}
    assert len(found) == 4


def test_commands_read_records_and_run_tests_of_filters(tmp_path: Path) -> None:
    """`vigild match` prints the rules of each log event, `vigild test` runs the tests that are log events."""
    (tmp_path / "vigild.yaml").write_bytes(orjson.dumps(configuration(tmp_path, type="file", paths=["nowhere"])))
    (tmp_path / "record.gz").write_bytes(record('10.0.0.1 "GET /x" 404', "a FATAL error", "fine"))
    matched = vigild(tmp_path, "match", "--config", "vigild.yaml", "--json", "record.gz")
    tested = vigild(tmp_path, "test", "--config", "vigild.yaml")

    assert [orjson.loads(line)["rules"] for line in matched.stdout.splitlines()] == [["not-found"], ["errors"]]
    assert tested.returncode == 0, tested.stdout
    assert b"3 tests, 0 failed" in tested.stdout


async def test_an_event_that_came_without_its_line_before_is_not_missed(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """One CloudTrail event over EventBridge, then twice over Logs: every rule alerts, and alerts once."""
    client = await roto_clients.client("sqs")
    queue = await make_queue(client, f"logs-{tmp_path.name}")
    config = configuration(tmp_path, type="sqs", queue_url=queue, wait_seconds=1)
    config["aws"] = {"region": "us-east-1", "endpoint_url": roto.endpoint_url}
    packed = base64.b64encode(record(orjson.dumps(RECORD).decode(), "fine", **TRAIL)).decode()
    with run_daemon(tmp_path, config) as process:
        await to_thread.run_sync(process.wait_until_ready)
        for body in (orjson.dumps(RECORD).decode(), packed, packed):
            await client.send_message(QueueUrl=queue, MessageBody=body)
            await wait_until_empty(client, queue, process)
        totals = await to_thread.run_sync(assert_balanced, process)
        assert await to_thread.run_sync(process.stop) == 0

    assert Counter(alert["rule"] for alert in alerts(tmp_path)) == {
        "logging-stopped": 1,
        "logging-stopped-in-the-log": 1,
    }
    assert totals == {"matched": 2, "unmatched": 1, "duplicate": 2, "rejected": 0}
