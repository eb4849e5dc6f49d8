"""A secret is rotated under a running daemon: no alert is lost, nothing is restarted, and no value shows anywhere."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
import yaml
from aiohttp import web
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.processes import DaemonProcess, run_daemon
from tests.e2e.watching import RULES, event
from tests.emulators import CREDENTIALS, Emulator
from tests.secret_stores import keep_parameter, keep_secret
from tests.servers import serve

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(120)]

OLD, NEW = "Bearer hunter2-before", "Bearer hunter2-after"


@dataclass(slots=True)
class Guarded:
    """A webhook that takes only what carries the right token."""

    token: str
    url: str = ""
    taken: list[str] = field(default_factory=list)
    refused: int = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Authorization") != self.token:
            self.refused += 1
            return web.Response(status=401)
        self.taken.append(request.headers["Idempotency-Key"])
        return web.Response()


@asynccontextmanager
async def guarded() -> AsyncIterator[Guarded]:
    """Serve one on loopback."""
    hook = Guarded(OLD)
    async with serve(hook.answer) as server:
        hook.url = server.url
        yield hook


def configuration(folder: Path, url: str, token: str, endpoint_url: str, refresh_seconds: int) -> dict[str, Any]:
    """Return a configuration that follows a file and tells the webhook."""
    (folder / "rules.yaml").write_text(RULES)
    (folder / "events.ndjson").touch()
    return {
        "sources": {
            "events": {
                "type": "file",
                "paths": [str(folder / "events.ndjson")],
                "follow": True,
                "poll_seconds": 0.1,
            }
        },
        "rules": [str(folder / "rules.yaml")],
        "targets": {"hook": {"type": "webhook", "url": url, "headers": {"Authorization": token}}},
        "secrets": {"refresh_seconds": refresh_seconds},
        "state": {"type": "sqlite", "path": str(folder / "state.db")},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "letters.ndjson")}},
        "aws": {"region": "us-east-1", "endpoint_url": endpoint_url},
    }


async def tell(folder: Path, number: int) -> None:
    """Append an event that matches."""
    line = event(number, random.Random(number)) + b"\n"
    async with await anyio.open_file(folder / "events.ndjson", "ab") as file:
        await file.write(line)


async def until_taken(server: Guarded, count: int, process: DaemonProcess) -> None:
    """Return once so many alerts have been taken."""
    with anyio.fail_after(40):
        while len(server.taken) < count:
            assert process.process.poll() is None, process.log_text()[-3000:]
            await anyio.sleep(0.05)


def shown(folder: Path, process: DaemonProcess) -> str:
    """Return all that the daemon wrote or shows, but for its configuration."""
    files = [path for path in folder.iterdir() if path.suffix != ".yaml"]
    return process.fetch("/metrics")[1] + "".join(path.read_bytes().decode(errors="replace") for path in files)


@pytest.mark.parametrize("store", ["aws-secret", "aws-parameter"])
async def test_a_refused_secret_is_read_again(
    moto_clients: AwsClients, moto: Emulator, tmp_path: Path, store: str
) -> None:
    """Long before its refresh is due, the 401 makes the daemon look, and the same alert goes out with the new one."""
    async with guarded() as server:
        if store == "aws-secret":
            name = await keep_secret(moto_clients, orjson.dumps({"token": OLD}).decode())
            reference = f"{store}:{name}#token"
        else:
            name = await keep_parameter(moto_clients, OLD)
            reference = f"{store}:{name}"
        config = configuration(tmp_path, server.url, reference, moto.endpoint_url, refresh_seconds=86_400)
        with run_daemon(tmp_path, config) as process:
            await to_thread.run_sync(process.wait_until_ready)
            await tell(tmp_path, 1)
            await until_taken(server, 1, process)
            # Longer than the least time between two looks at one secret.
            await anyio.sleep(5.5)
            server.token = NEW
            await rotate(moto_clients, store, name)
            await tell(tmp_path, 3)
            await until_taken(server, 2, process)

            assert process.metric("vigild_secret_refreshes_total", result="changed") == 1
            assert server.refused == 1
            text = await to_thread.run_sync(shown, tmp_path, process)
            assert name in text
            assert "hunter2" not in text


async def rotate(aws: AwsClients, store: str, name: str) -> None:
    """Put the new token where the old one was."""
    if store == "aws-secret":
        manager = await aws.client("secretsmanager")
        await manager.put_secret_value(SecretId=name, SecretString=orjson.dumps({"token": NEW}).decode())
    else:
        ssm = await aws.client("ssm")
        await ssm.put_parameter(Name=name, Value=NEW, Type="SecureString", Overwrite=True)


async def test_a_secret_that_is_deleted_stays_in_use_and_what_fails_tells_nothing(
    moto_clients: AwsClients, moto: Emulator, tmp_path: Path
) -> None:
    """The store no longer has it: alerts go on with the last one; once that is refused they wait, unshown."""
    async with guarded() as server:
        name = await keep_secret(moto_clients, OLD)
        config = configuration(tmp_path, server.url, f"aws-secret:{name}", moto.endpoint_url, refresh_seconds=10)
        with run_daemon(tmp_path, config) as process:
            await to_thread.run_sync(process.wait_until_ready)
            await tell(tmp_path, 1)
            await until_taken(server, 1, process)
            manager = await moto_clients.client("secretsmanager")
            await manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
            await anyio.sleep(10.5)
            await tell(tmp_path, 3)
            await until_taken(server, 2, process)
            assert process.metric("vigild_secret_refreshes_total", result="failed") == 1
            server.token = NEW
            await tell(tmp_path, 5)
            await to_thread.run_sync(process.wait_for, lambda: server.refused > 0, "refused")
            assert "hunter2" not in await to_thread.run_sync(shown, tmp_path, process)


async def test_check_reaches_the_secret(moto_clients: AwsClients, moto: Emulator, tmp_path: Path) -> None:
    """`vigild check` names a secret that is not there, and is content once it is."""
    async with guarded() as server:
        name = await keep_secret(moto_clients, OLD)
        for reference, code in ((f"aws-secret:{name}", 0), ("aws-secret:nowhere", 1)):
            config = configuration(tmp_path, server.url, reference, moto.endpoint_url, refresh_seconds=300)
            path = tmp_path / "vigild.yaml"
            path.write_text(yaml.safe_dump(config))
            done = await anyio.run_process(
                [sys.executable, "-m", "daemon", "check", "--config", str(path)],
                env={**os.environ, **CREDENTIALS},
                check=False,
            )
            assert code == done.returncode, done.stdout
            assert (b"FAIL target hook: credentials: aws-secret:nowhere: " in done.stdout) == bool(code)
            assert b"hunter2" not in done.stdout + done.stderr
