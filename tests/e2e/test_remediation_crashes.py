"""A kill -9 before every call that the daemon makes while it acts, for every redo policy.

State and estate are both behind one proxy, so that between every two steps of the kernel (plan, claim, apply, verify,
confirm, journal) there is a call to die at.  Dying before a call is dying after the one before it.  After the kill
another process finds the same event and the same state.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import yaml
from anyio import to_thread

from daemon.cli import main
from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.journal import Journal
from daemon.state.dynamodb import DynamodbStore
from daemon.state.dynamodb.config import DynamodbConfig
from daemon.state.dynamodb.table import create_table
from tests.e2e.closing_ssh import CLOSED, configuration, open_to_the_world, opened_event
from tests.e2e.estates import (
    estate_of,
    group_rules,
    instance_state,
    make_function,
    make_group,
    make_stopped_instance,
)
from tests.emulators import CREDENTIALS, Emulator
from tests.faults import Answer, FaultProxy, Forward, Hangup

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

_FORKSERVER = multiprocessing.get_context("forkserver")
_FORKSERVER.set_forkserver_preload(["daemon.cli"])


def run_daemon_here(config: str, log: str) -> None:
    """Be the daemon: what the forked child does."""
    os.environ.update(CREDENTIALS)
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.argv = ["vigild", "run", "--config", config]
    main()


@dataclass(slots=True)
class Killer:
    """Kills the process at a call, before the emulator hears of it; counts the calls that go through."""

    at: int | None
    process: BaseProcess
    calls: int = 0

    async def __call__(self, forward: Forward) -> Answer:
        """See Fault."""
        if self.at is not None and self.calls >= self.at:
            self.process.kill()
            raise Hangup
        self.calls += 1
        return await forward()


@dataclass(frozen=True, slots=True)
class Case:
    """An event, the action that it asks for, and what came of it."""

    event: dict[str, Any]
    action: dict[str, Any]
    is_right: Callable[[], Awaitable[bool]]


async def closing(aws: AwsClients) -> Case:
    """Return a group with port 22 open: it is looked at again."""
    group = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, group)

    async def is_right() -> bool:
        return await group_rules(aws, group) == CLOSED

    action = {"type": "ec2.restrict-ingress", "port": 22, "allowed": ["10.10.0.0/16"]}
    return Case(opened_event(group), action, is_right)


async def starting(aws: AwsClients) -> Case:
    """Return a stopped instance: it is started again."""
    instance = await make_stopped_instance(aws)

    async def is_right() -> bool:
        return await instance_state(aws, instance) == "running"

    return Case(opened_event("", **{"instance-id": instance}), {"type": "ec2.start-instances"}, is_right)


async def invoking(aws: AwsClients) -> Case:
    """Return a function: it is not called twice, whatever became of the first call."""
    function = await make_function(aws)

    async def is_right() -> bool:
        return True

    return Case(opened_event(""), {"type": "lambda.invoke", "function_arn": function, "wait": True}, is_right)


@dataclass(slots=True)
class Crashes:
    """Runs of the daemon over one case in a folder of its own."""

    folder: Path
    proxy: FaultProxy
    config: dict[str, Any]
    seen: Counter[str] = field(default_factory=Counter)
    """Operations that reached the proxy, over all runs."""

    async def run(self, at: int | None) -> tuple[int | None, int]:
        """Run to the end, or to the kill before call number `at`; return the exit code and the calls that were made."""
        path, log = self.folder / "vigild.yaml", self.folder / "vigild.log"
        path.write_text(yaml.safe_dump(self.config))
        process = _FORKSERVER.Process(target=run_daemon_here, args=(str(path), str(log)), daemon=True)
        killer = Killer(at, process)
        self.proxy.clear()
        self.proxy.seen.clear()
        self.proxy.add(None, killer)
        process.start()
        await to_thread.run_sync(process.join, 60)
        if process.is_alive():
            process.kill()
            raise AssertionError(f"still running:\n{self.log()[-3000:]}")
        self.seen.update(self.proxy.seen)
        return process.exitcode, killer.calls

    def count(self, operation: str) -> int:
        """Return how often an operation, given by the end of its name, was asked for."""
        return sum(times for name, times in self.seen.items() if name.endswith(operation))

    def log(self) -> str:
        """Return what the runs wrote."""
        return (self.folder / "vigild.log").read_text()

    def endings(self) -> set[tuple[str, str]]:
        """Return the keys and endings that were told, each as often as it is different."""
        lines = (self.folder / "alerts.ndjson").read_text().splitlines()
        return {(told["key"], told["event"]["detail"]["ending"]) for told in map(json.loads, lines)}

    async def journalled(self, aws: AwsClients) -> Counter[str]:
        """Return how often each step stands in the journal; every link of its chain is checked."""
        config = DynamodbConfig(**self.config["state"])
        store = await DynamodbStore.open(config, aws, SystemClock(), random.Random())
        return Counter([entry.step async for entry in Journal(store).read()])


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the runs of one test take place."""

    folder: Path
    moto: Emulator
    proxy: FaultProxy
    table: DynamodbConfig

    def crashes_of(self, case: Case, name: str) -> Crashes:
        """Return a folder and a configuration of its own for a case."""
        folder = self.folder / name
        folder.mkdir()
        config = configuration(folder, self.moto, "auto")
        config["aws"]["endpoint_url"] = self.proxy.endpoint_url
        config["state"] = self.table.model_dump() | {"namespace": name}
        config["actions"] = {"close-ssh": {**case.action, "mode": "auto", "notify": ["alerts"]}}
        config["dedupe"] = {"session_seconds": 1}
        config["telemetry"] = {"listen": "127.0.0.1:0"}
        (folder / "events.ndjson").write_text(json.dumps(case.event) + "\n")
        return Crashes(folder, self.proxy, config)


@pytest.mark.parametrize(
    ("make", "operation", "most", "step"),
    [
        (closing, "RevokeSecurityGroupIngress", 2, 1),
        (starting, "StartInstances", 2, 2),
        (invoking, "/invocations", 1, 2),
    ],
)
async def test_a_kill_between_every_two_steps_ends_right(
    moto: Emulator, tmp_path: Path, make: Callable[[AwsClients], Awaitable[Case]], operation: str, most: int, step: int
) -> None:
    """Whatever call the daemon dies at, the next one comes to the right state and tells and journals it once."""
    table = DynamodbConfig(type="dynamodb", table_name=f"crashes-{uuid.uuid4().hex[:8]}")
    async with FaultProxy(moto.endpoint_url) as proxy, estate_of(moto) as aws:
        await create_table(table, aws, SystemClock())
        ground = Ground(tmp_path, moto, proxy, table)
        unhurt = ground.crashes_of(await make(aws), "unhurt")
        exit_code, calls = await unhurt.run(None)
        assert (exit_code, unhurt.count(operation)) == (0, 1), unhurt.log()
        for at in range(1, calls, step):
            case = await make(aws)
            crashes = ground.crashes_of(case, f"killed-at-{at}")
            await crashes.run(at)
            exit_code, _ = await crashes.run(None)

            assert (exit_code, await case.is_right()) == (0, True), f"killed at {at}:\n{crashes.log()}"
            assert crashes.count(operation) <= most, f"killed at {at}"
            ((_, ending),) = crashes.endings()
            assert ending == "done" or (ending, most) == ("uncertain", 1), f"killed at {at}:\n{crashes.log()}"
            journal = await crashes.journalled(aws)
            assert journal[ending] == 1, f"killed at {at}: {journal}"
