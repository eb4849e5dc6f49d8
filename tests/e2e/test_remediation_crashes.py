"""A kill -9 before every call of a daemon that acts on an event, for every redo policy.

Between every two steps of the kernel (plan, claim, apply, verify, confirm, journal) there is such a call; see
crashing.py.  After the kill another process finds the same event and the same state.  What follows from approvals and
undos is killed here at a few calls, and cut off at every one in tests/dispatch/remediation/test_power_cuts.py.
"""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.state.dynamodb.config import DynamodbConfig
from daemon.state.dynamodb.table import create_table
from tests.e2e.crashing import (
    Case,
    Crashes,
    Ground,
    Moment,
    after,
    at_every_call,
    before,
    before_call,
    closing,
    invoking,
    snapshotting,
)
from tests.e2e.estates import estate_of
from tests.emulators import Emulator

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(900)]

Make = Callable[[AwsClients], Awaitable[Case]]


@pytest.fixture
async def aws(moto: Emulator) -> AsyncIterator[AwsClients]:
    """Yield plain clients of the estate."""
    async with estate_of(moto) as clients:
        yield clients


@pytest.fixture
async def ground(moto: Emulator, aws: AwsClients, tmp_path: Path) -> Ground:
    """Return a place with a state table."""
    table = DynamodbConfig(type="dynamodb", table_name=f"crashes-{uuid.uuid4().hex[:8]}")
    await create_table(table, aws, SystemClock())
    return Ground(tmp_path, moto, table)


@pytest.mark.parametrize(
    ("make", "operation", "most"),
    [(closing, "RevokeSecurityGroupIngress", 1), (snapshotting, "CreateSnapshot", 1), (invoking, "/invocations", 1)],
    ids=["look", "repeat", "never"],
)
async def test_a_kill_between_every_two_steps_ends_right(
    aws: AwsClients, ground: Ground, make: Make, operation: str, most: int
) -> None:
    """Whatever call the daemon dies at, the next one comes to the right state and tells and journals it once."""
    async with ground.crashes_of(await make(aws), "unhurt") as unhurt:
        exit_code, calls = await unhurt.run()
        assert (exit_code, unhurt.count(operation)) == (0, 1), unhurt.log()

    async def kill(at: int) -> None:
        case = await make(aws)
        async with ground.crashes_of(case, f"killed-at-{at}") as crashes:
            await crashes.run(before_call(at))
            # 3: cut off in the middle of what may never be done twice, it is parked for a person.
            assert (await crashes.run())[0] in {0, 3}, f"killed at {at}:\n{crashes.log()}"

            await assert_done_once(aws, crashes, case, (operation, most))

    await at_every_call(calls, kill)


async def assert_done_once(aws: AwsClients, crashes: Crashes, case: Case, allowed: tuple[str, int]) -> None:
    """The state is right, the call was made no more often than allowed, the end is told and journalled once."""
    operation, most = allowed
    said = f"{crashes.folder.name}:\n{crashes.log()}"
    assert case.after == await case.state(), said
    assert crashes.count(operation) <= most, said
    ((_, ending),) = crashes.told()
    assert ending == "done" or (ending, case.action["type"]) == ("uncertain", "lambda.invoke"), said
    assert ending == "uncertain" or crashes.count(operation) >= 1, said
    journal = await crashes.journalled(aws)
    assert (journal["begun"], journal[ending]) == (1, 1), f"{journal}\n{said}"


DEATHS: tuple[Moment, ...] = (
    before("AuthorizeSecurityGroupIngress"),
    after("AuthorizeSecurityGroupIngress"),
    after("RevokeSecurityGroupIngress"),
)
"""Of processes one after the other that close or open a group: before the first of two changes, and after each."""


async def test_an_approved_plan_outlives_processes_that_are_killed(aws: AwsClients, ground: Ground) -> None:
    """Three daemons die in carrying it out, the fourth brings it to its end: each change is made once and told once."""
    case = await closing(aws)
    async with ground.crashes_of(case, "approved", "approve") as crashes:
        assert (await crashes.run())[0] == 0, crashes.log()
        intent = intent_of(crashes)
        assert (await crashes.run(command=["approve", intent, "--by", "ada"]))[0] == 0, crashes.log()
        crashes.waits_for_nothing()

        killed = [(await crashes.run(death))[0] for death in DEATHS]
        ended = await crashes.run(until=lambda: crashes.lines() == 2)

        said = crashes.log()
        assert (killed, ended[0]) == ([-signal.SIGKILL] * 3, 0), said
        assert {ending for _, ending in crashes.told()} == {"waiting", "done"}, said
        assert case.after == await case.state(), said
        assert [crashes.count(f"{change}SecurityGroupIngress") for change in ("Authorize", "Revoke")] == [1, 1], said
        journal = await crashes.journalled(aws)
        assert journal == {"waiting": 1, "approved": 1, "begun": 1, "done": 1}, said


async def test_an_undo_outlives_processes_that_are_killed(aws: AwsClients, ground: Ground) -> None:
    """`vigild undo` dies three times, the fourth brings the state before back; a daemon tells of it, once."""
    case = await closing(aws)
    async with ground.crashes_of(case, "undone") as crashes:
        assert (await crashes.run())[0] == 0, crashes.log()
        undo = ["undo", intent_of(crashes), "--by", "ada"]

        killed = [(await crashes.run(death, undo))[0] for death in DEATHS]
        ended = await crashes.run(command=undo)
        crashes.waits_for_nothing()
        stopped = await crashes.run(until=lambda: crashes.lines() == 2)

        said = crashes.log()
        assert (killed, ended[0], stopped[0]) == ([-signal.SIGKILL] * 3, 0, 0), said
        assert {ending for _, ending in crashes.told()} == {"done", "undone"}, said
        assert case.before == await case.state(), said
        # Closing makes each once, and so does opening again.
        assert [crashes.count(f"{change}SecurityGroupIngress") for change in ("Authorize", "Revoke")] == [2, 2], said
        journal = await crashes.journalled(aws)
        assert journal == {"begun": 1, "done": 1, "undone": 1}, said


def intent_of(crashes: Crashes) -> str:
    """Return the id of the one intent that was told of."""
    (line,) = (crashes.folder / "alerts.ndjson").read_text().splitlines()
    return str(json.loads(line)["event"]["detail"]["intent"])
