"""A process that dies at any call it makes in carrying out an approved plan, in an undo, or in a timed undo, for every
redo policy; the next process finds what it has left.

The wire to state and estate is cut before the call: nothing of that process is heard from then on, as after kill -9.
tests/e2e/test_remediation_crashes.py kills real processes over events.
"""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import anyio
import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.clock import SystemClock
from daemon.dispatch.remediation.approvals import Answer
from daemon.dispatch.remediation.undo import NothingToUndoError, undo
from daemon.errors import EffectError, RetryableError, StateError
from daemon.state import open_store
from daemon.state.base import StateStore
from daemon.state.dynamodb.table import create_table
from tests.clocks import HandWound
from tests.dispatch.remediation.rig import Process
from tests.e2e.crashing import Case, closing, invoking, snapshotting, starting
from tests.emulators import REGION, Emulator
from tests.faults import Answer as HttpAnswer
from tests.faults import Fault, FaultProxy, Forward, Hangup
from tests.stores import table_config

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

Make = Callable[[AwsClients], Awaitable[Case]]
Work = Callable[[Process], Awaitable[None]]

INTENT = "1" * 32


@dataclass(slots=True)
class Wires:
    """What a process reaches the world by, through proxies; cut before call number `at`."""

    estate: FaultProxy
    state: FaultProxy
    at: int | None = None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    performed: list[str] = field(default_factory=list)

    def connect(self, at: int | None) -> anyio.CancelScope:
        """Let calls through to begin with; return the scope that a process lives in."""
        self.at, self.scope, self.performed = at, anyio.CancelScope(), []
        for proxy in (self.estate, self.state):
            proxy.clear()
            proxy.add(None, self._fault(proxy))
        return self.scope

    def _fault(self, proxy: FaultProxy) -> Fault:
        async def fault(forward: Forward) -> HttpAnswer:
            if self.at is not None and len(self.performed) >= self.at:
                self.scope.cancel()
                raise Hangup
            self.performed.append(proxy.seen[-1])
            return await forward()

        return fault


@contextmanager
def living(process: Process) -> Iterator[None]:
    """Have the process renew its session while it sleeps: who does not live himself finds nobody dead."""
    renewing = False

    async def renew() -> None:
        nonlocal renewing
        if renewing:
            return  # it is the renewal that sleeps
        renewing = True
        with suppress(StateError):
            await process.session.renew()
        renewing = False

    process.clock.meanwhile.append(renew)
    try:
        yield
    finally:
        process.clock.meanwhile.remove(renew)


@dataclass(slots=True)
class Life:
    """One case from its first process to its last; all share one state."""

    wires: Wires
    store: StateStore
    aws: AwsClients
    """Shared by all processes, because making clients takes longer than all they are used for."""
    case: Case
    mode: str
    clock: HandWound
    performed: Counter[str] = field(default_factory=Counter)
    told: set[str] = field(default_factory=set)

    async def process(self, work: Work, at: int | None = None) -> int:
        """Have a new process do the work, or die at a call; return how many calls it made."""
        options = {**self.case.action, "mode": self.mode, "undo_after_seconds": 3_600}
        process = Process(self.wires.estate.endpoint_url, self.store, self.clock, options, self.aws)
        with self.wires.connect(at) as scope, living(process):
            try:
                await process.session.renew()
                await work(process)
            except EffectError:
                if not scope.cancel_called:
                    raise
        self.performed.update(self.wires.performed)
        self.told.update(detail["ending"] for detail in process.told)
        return len(self.wires.performed)

    def count(self, operation: str) -> int:
        """Return how often an operation, given by the end of its name, reached the estate."""
        return sum(times for name, times in self.performed.items() if name.endswith(operation))

    async def journalled(self) -> Counter[str]:
        """Return how often each step stands in the journal; every link of its chain is checked."""
        steps: list[str] = []

        async def read(process: Process) -> None:
            steps.extend(await process.steps())

        await self.process(read)
        return Counter(steps)


@dataclass(frozen=True, slots=True)
class World:
    """Where all lives of a test take place."""

    wires: Wires
    estate: AwsClients
    state: AwsClients
    outside: AwsClients
    """Past the wires."""

    async def life(self, make: Make, mode: str) -> Life:
        """Return a case with a state of its own."""
        clock = HandWound(time.time())
        self.wires.connect(None)
        config = table_config(uuid.uuid4().hex)
        store = await open_store(config, self.state, clock, random.Random(1))
        return Life(self.wires, store, self.estate, await make(self.outside), mode, clock)


@pytest.fixture
async def world(moto: Emulator, roto: Emulator, aws: AwsClients) -> AsyncIterator[World]:
    """Yield an estate in one emulator, the state in another."""
    async with (
        FaultProxy(moto.endpoint_url) as estate,
        FaultProxy(roto.endpoint_url) as state,
        at_address(estate) as estate_clients,
        at_address(state) as state_clients,
    ):
        await create_table(table_config("any"), state_clients, SystemClock())
        yield World(Wires(estate, state), estate_clients, state_clients, aws)


@asynccontextmanager
async def at_address(proxy: FaultProxy) -> AsyncIterator[AwsClients]:
    """Yield clients that go through a proxy."""
    clients = AwsClients(AwsSettings(region=REGION, endpoint_url=proxy.endpoint_url))
    yield clients
    await clients.close()


async def act(life: Life) -> None:
    """Bring the action to its first end: done, or waiting for a person."""

    async def work(process: Process) -> None:
        await process.carry_out(life.case.event, INTENT)

    await life.process(work)


async def approve(life: Life) -> None:
    """Have a person say yes."""

    async def work(process: Process) -> None:
        await process.context.approvals.answer(INTENT, Answer.APPROVED, "ada")

    await act(life)
    await life.process(work)


async def carry_out_answers(process: Process) -> None:
    """Do what app.py's loop does, until there is nothing left to do."""
    while await process.answered.due():
        await process.answered.once()
        await process.pass_time(5)


async def undo_by_hand(process: Process) -> None:
    """Do what `vigild undo` does, again while a process that died still seems to be at it."""
    while True:
        try:
            await undo(INTENT, process.remediation.kernels, process.estate, process.context, "ada")
        except NothingToUndoError:
            break  # a process that died has come to the end
        except RetryableError:
            await process.pass_time(5)
        else:
            break
    await tell_of_undos(process)


async def undo_in_time(process: Process) -> None:
    """Do what app.py's loop does, from an hour later on, until there is nothing left to do."""
    await process.pass_time(3_600)
    while await process.expired.due():
        await process.expired.once()
        await process.pass_time(5)
    await tell_of_undos(process)


async def tell_of_undos(process: Process) -> None:
    """Do what app.py's loop does about what was undone, until there is nothing left to tell."""
    while await process.undone.due():
        await process.undone.once()
        await process.pass_time(5)


@pytest.mark.parametrize(
    ("make", "operation", "most"),
    [(closing, "RevokeSecurityGroupIngress", 1), (snapshotting, "CreateSnapshot", 1), (invoking, "/invocations", 1)],
    ids=["look", "repeat", "never"],
)
async def test_an_approved_plan_cut_off_at_any_call_ends_right(
    world: World, make: Make, operation: str, most: int
) -> None:
    """Whatever call the process dies at, the next one brings the plan to its end, and journals it once."""
    unhurt = await world.life(make, "approve")
    await approve(unhurt)
    calls = await unhurt.process(carry_out_answers)
    assert unhurt.count(operation) == 1

    for at in range(calls):
        life = await world.life(make, "approve")
        await approve(life)
        await life.process(carry_out_answers, at)
        await life.process(carry_out_answers)

        (ending,) = life.told
        assert ending == "done" or (ending, life.case.action["type"]) == ("uncertain", "lambda.invoke"), f"at {at}"
        assert life.case.after == await life.case.state(), f"cut at {at}"
        assert life.count(operation) <= most, f"cut at {at}"
        journal = await life.journalled()
        assert (journal["begun"], journal[ending]) == (1, 1), f"cut at {at}: {journal}"


@pytest.mark.parametrize("work", [undo_by_hand, undo_in_time])
@pytest.mark.parametrize(
    ("make", "operation", "most"),
    [(closing, "RevokeSecurityGroupIngress", 2), (starting, "StopInstances", 2)],
    ids=["parts", "whole"],
)
async def test_an_undo_cut_off_at_any_call_ends_right(
    world: World, work: Work, make: Make, operation: str, most: int
) -> None:
    """Whatever call the process dies at, the next one brings the state before back, journals and tells it once."""
    unhurt = await world.life(make, "auto")
    await act(unhurt)
    calls = await unhurt.process(work)

    for at in range(calls):
        life = await world.life(make, "auto")
        await act(life)
        await life.process(work, at)
        await life.process(work)

        assert life.case.before == await life.case.state(), f"cut at {at}"
        # Closing makes the call once, undoing it once.
        assert 1 <= life.count(operation) <= most, f"cut at {at}"
        journal = await life.journalled()
        assert (journal["undone"], life.told) == (1, {"undone"}), f"cut at {at}: {journal}"
