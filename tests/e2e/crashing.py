"""Kills a process of vigild at a call that it makes, and runs the next one over what it has left.

State and estate are both behind one proxy, so that between every two steps of the kernel there is a call to die at.
Dying before a call is dying after the one before it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import anyio
import yaml

from daemon.cli import main
from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.journal import Journal
from daemon.state.dynamodb import DynamodbStore
from daemon.state.dynamodb.config import DynamodbConfig
from tests.e2e.closing_ssh import CLOSED, configuration, open_to_the_world, opened_event
from tests.e2e.estates import group_rules, instance_state, make_function, make_group, make_stopped_instance
from tests.emulators import CREDENTIALS, REGION, Emulator
from tests.faults import Answer, FaultProxy, Forward, Hangup

_FORKSERVER = multiprocessing.get_context("forkserver")
_FORKSERVER.set_forkserver_preload(["daemon.cli"])

_PATIENCE_SECONDS = 90
_LOOK_SECONDS = 0.1
_AT_ONCE = 3


def run_vigild_here(log: str, arguments: Sequence[str]) -> None:
    """Be vigild: what the forked child does."""
    os.environ.update(CREDENTIALS)
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.argv = ["vigild", *arguments]
    main()


class Calls:
    """What a process has called."""

    def __init__(self) -> None:
        self.performed: list[str] = []
        """What went through to the emulator."""
        self.answered: list[str] = []
        """What the emulator has answered of it."""


Moment = Callable[[Calls, str], bool]
"""Whether a process that has made these calls is to die before the next one."""


def before_call(number: int) -> Moment:
    """Return the moment before a call by its number."""
    return lambda calls, _: len(calls.performed) >= number


def before(operation: str) -> Moment:
    """Return the moment before an operation's first call."""
    return lambda _, coming: coming == operation


def after(operation: str) -> Moment:
    """Return the moment after an operation's first call was answered, before anything follows from that."""
    return lambda calls, _: operation in calls.answered


@dataclass(slots=True)
class Killer:
    """Kills the process at a call, before the emulator hears of it; notes the calls that go through."""

    at: Moment | None
    process: BaseProcess
    proxy: FaultProxy
    calls: Calls = field(default_factory=Calls)

    async def __call__(self, forward: Forward) -> Answer:
        """See Fault."""
        coming = self.proxy.seen[-1]
        if self.at is not None and self.at(self.calls, coming):
            self.process.kill()
            raise Hangup
        self.calls.performed.append(coming)
        answer = await forward()
        self.calls.answered.append(coming)
        return answer


@dataclass(frozen=True, slots=True)
class Case:
    """An event, the action that it asks for, and what is there before and after."""

    event: dict[str, Any]
    action: dict[str, Any]
    state: Callable[[], Awaitable[Any]]
    before: Any
    after: Any


async def closing(aws: AwsClients) -> Case:
    """Return a group with port 22 open: it is looked at again."""
    group = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, group)

    async def state() -> list[str]:
        return await group_rules(aws, group)

    action = {"type": "ec2.restrict-ingress", "port": 22, "allowed": ["10.10.0.0/16"]}
    return Case(opened_event(group), action, state, await state(), CLOSED)


async def starting(aws: AwsClients) -> Case:
    """Return a stopped instance: its whole state is what is put in force, and looked at again."""
    instance = await make_stopped_instance(aws)

    async def state() -> str:
        return await instance_state(aws, instance)

    action = {"type": "ec2.start-instances"}
    return Case(opened_event("", **{"instance-id": instance}), action, state, "stopped", "running")


async def snapshotting(aws: AwsClients) -> Case:
    """Return an instance without snapshots: the same calls are made again, and find what is there."""
    instance = await make_stopped_instance(aws)
    ec2 = await aws.client("ec2", REGION)
    found = await ec2.describe_instances(InstanceIds=[instance])
    volumes = [each["Ebs"]["VolumeId"] for each in found["Reservations"][0]["Instances"][0]["BlockDeviceMappings"]]

    async def state() -> int:
        filters = [{"Name": "volume-id", "Values": volumes}]
        return len((await ec2.describe_snapshots(Filters=filters))["Snapshots"])

    action = {"type": "ec2.snapshot-volumes"}
    return Case(opened_event("", **{"instance-id": instance}), action, state, 0, len(volumes))


async def invoking(aws: AwsClients) -> Case:
    """Return a function: it is not called twice, whatever became of the first call."""
    action = {"type": "lambda.invoke", "function_arn": await make_function(aws), "wait": True}

    async def state() -> None:
        """Nothing shows outside what was called."""

    return Case(opened_event(""), action, state, None, None)


@dataclass(slots=True)
class Crashes:
    """Processes over one case, one after the other, in a folder of its own."""

    folder: Path
    proxy: FaultProxy
    config: dict[str, Any]
    performed: Counter[str] = field(default_factory=Counter)
    """Operations that reached the emulator, over all runs."""

    async def run(
        self, at: Moment | None = None, command: Sequence[str] = ("run",), until: Callable[[], bool] | None = None
    ) -> tuple[int | None, int]:
        """Run vigild to its end, the kill, or the stop once `until` holds; return exit code and number of calls."""
        path = self.folder / "vigild.yaml"
        path.write_text(yaml.safe_dump(self.config))
        arguments = (str(self._log), [*command, "--config", str(path)])
        process = _FORKSERVER.Process(target=run_vigild_here, args=arguments, daemon=True)
        killer = Killer(at, process, self.proxy)
        self.proxy.clear()
        self.proxy.add(None, killer)
        process.start()
        # Not joined in another thread: every start() polls all children, and of two threads that poll one child at once
        # one finds its exit code gone and calls it 255 (multiprocessing/popen_forkserver.py).
        with anyio.move_on_after(_PATIENCE_SECONDS):
            while until is not None and not until() and process.is_alive():  # noqa: ASYNC110 - a file wakes nobody
                await anyio.sleep(_LOOK_SECONDS)
            if until is not None:
                process.terminate()
            await anyio.wait_readable(process.sentinel)
        if process.is_alive():
            process.kill()
            raise AssertionError(f"still running:\n{self.log()[-3000:]}")
        self.performed.update(killer.calls.performed)
        return process.exitcode, len(killer.calls.performed)

    def count(self, operation: str) -> int:
        """Return how often an operation, given by the end of its name, was performed."""
        return sum(times for name, times in self.performed.items() if name.endswith(operation))

    def log(self) -> str:
        """Return what the runs wrote."""
        return self._log.read_text()

    def waits_for_nothing(self) -> None:
        """Have the next runs read a folder in which nothing comes, until they are stopped."""
        (self.folder / "nothing").mkdir()
        self.config["sources"]["events"] = {"type": "file", "paths": [str(self.folder / "nothing")], "follow": True}

    def lines(self) -> int:
        """Return how many alerts are told as a whole."""
        return (self.folder / "alerts.ndjson").read_text().count("\n")

    def told(self) -> set[tuple[str, str]]:
        """Return the keys and endings that were told, each as often as it is different."""
        lines = (self.folder / "alerts.ndjson").read_text().splitlines()
        return {(told["key"], told["event"]["detail"]["ending"]) for told in map(json.loads, lines)}

    async def journalled(self, aws: AwsClients) -> Counter[str]:
        """Return how often each step stands in the journal; every link of its chain is checked."""
        config = DynamodbConfig(**self.config["state"])
        store = await DynamodbStore.open(config, aws, SystemClock(), random.Random())
        return Counter([entry.step async for entry in Journal(store).read()])

    @property
    def _log(self) -> Path:
        return self.folder / "vigild.log"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the runs of one test take place."""

    folder: Path
    moto: Emulator
    table: DynamodbConfig
    limiter: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_AT_ONCE))

    @asynccontextmanager
    async def crashes_of(self, case: Case, name: str, mode: str = "auto") -> AsyncIterator[Crashes]:
        """Yield a folder, a proxy and a configuration of its own for a case; a few at a time."""
        async with self.limiter, FaultProxy(self.moto.endpoint_url) as proxy:
            folder = self.folder / name
            folder.mkdir()
            config = configuration(folder, self.moto, mode)
            config["aws"]["endpoint_url"] = proxy.endpoint_url
            config["state"] = self.table.model_dump() | {"namespace": name}
            config["actions"] = {"close-ssh": {**case.action, "mode": mode, "notify": ["alerts"]}}
            config["dedupe"] = {"session_seconds": 1}
            config["telemetry"] = {"listen": "127.0.0.1:0"}
            (folder / "events.ndjson").write_text(json.dumps(case.event) + "\n")
            yield Crashes(folder, proxy, config)


async def at_every_call(calls: int, kill: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Have a process killed at each call but the first, a few at a time."""
    async with anyio.create_task_group() as group:
        for at in range(1, calls):
            group.start_soon(kill, at)
