"""A kill -9 before every call of a daemon that acts on an event, for every redo policy.

Between every two steps of the kernel (plan, claim, apply, verify, confirm, journal) there is such a call; see
crashing.py.  After the kill another process finds the same event and the same state.  What follows from approvals and
undos is cut off in tests/dispatch/remediation/test_power_cuts.py.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.state.dynamodb.config import DynamodbConfig
from daemon.state.dynamodb.table import create_table
from tests.e2e.crashing import Case, Crashes, Ground, at_every_call, closing, invoking, starting
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
    [(closing, "RevokeSecurityGroupIngress", 1), (starting, "StartInstances", 2), (invoking, "/invocations", 1)],
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
            await crashes.run(at)
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
