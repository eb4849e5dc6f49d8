"""What strangers, the estate and other processes do to actions.  Where each kind of bad input is shown:

a resource that does not exist        tests/actions/test_contract.py, tests/e2e/test_remediation.py
another account, another region       tests/e2e/test_cross_account.py, tests/e2e/test_remediation.py
a forged id, ARN or path              tests/actions/test_contract.py, tests/actions/<service>/
an event that would choose the        tests/actions/test_contract.py (callee, document, role and set stand in the
  account, role, document or URL        configuration), tests/e2e/test_cross_account.py (account)
injection through templates           tests/actions/ssm/test_ssm_actions.py
a role that may only read,            tests/actions/test_contract.py, here
  a denied plan
eventual consistency                  here
two events on one resource at once    here, in one process and in two
an approval too late, twice, altered  test_approvals.py, test_answered.py, tests/e2e/test_approval_link.py
live state changed since the plan     test_answered.py
what was spoilt in the state store    test_answered.py, test_expired.py, test_counts.py, here
"""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator

import anyio
import pytest

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.dispatch.remediation.counts import HOUR
from daemon.dispatch.remediation.result import Result
from daemon.errors import FailureKind, PermanentError, RetryableError
from daemon.state.base import Write
from daemon.state.sqlite import SqliteStore
from tests.clocks import HandWound
from tests.dispatch.remediation.rig import CLOSING, Process
from tests.e2e.closing_ssh import CLOSED, open_to_the_world, opened_event
from tests.e2e.estates import ACCOUNT, group_rules, make_group
from tests.emulators import REGION
from tests.faults import Answer, Fault, FaultProxy, Forward, refused_by_ec2

pytestmark = pytest.mark.anyio

LOOK = "DescribeSecurityGroups"
WRITES = ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress")


@pytest.fixture
async def process(proxy: FaultProxy, store: SqliteStore, clock: HandWound) -> AsyncIterator[Process]:
    """Yield a process that acts at once, behind a proxy, and leaves nothing alone for having acted on it."""
    made = Process(proxy.endpoint_url, store, clock, CLOSING | {"cooldown_seconds": 0})
    await made.session.renew()
    yield made
    await made.close()


@pytest.fixture
async def group(aws: AwsClients) -> str:
    """Return a group that is open to the world."""
    made = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, made)
    return made


def stale(looks: int) -> Fault:
    """Answer so many looks after the first with what the first saw, as an eventually consistent service may."""
    seen: list[Answer] = []

    async def fault(forward: Forward) -> Answer:
        if not seen or len(seen) > looks:
            seen.append(await forward())
            return seen[-1]
        seen.append(seen[0])
        return seen[0]

    return fault


async def test_a_change_that_shows_late_is_looked_for_again(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """Three looks still show the old state: it is neither changed again nor given up, and done once it shows."""
    proxy.add(LOOK, stale(3))

    result = await process.carry_out(opened_event(group))

    assert (result.ending, await group_rules(aws, group)) == ("done", CLOSED)
    assert [proxy.seen.count(name) for name in WRITES] == [1, 1]
    assert proxy.seen.count(LOOK) == 5


async def test_a_change_that_never_shows_is_told_as_unverified(process: Process, proxy: FaultProxy, group: str) -> None:
    """After `verify_seconds` of old states it is not called done."""
    proxy.add(LOOK, stale(1_000))

    result = await process.carry_out(opened_event(group))

    assert (result.ending, result.detail) == ("unverified", "the change does not show")
    assert [proxy.seen.count(name) for name in WRITES] == [1, 1]


async def test_a_throttled_look_after_the_change_is_no_answer(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """Whether it shows is unknown: the next attempt looks again and changes nothing more."""
    looks = iter((False, True))

    async def second(forward: Forward) -> Answer:
        return await (refused_by_ec2("RequestLimitExceeded")(forward) if next(looks, False) else forward())

    proxy.add(LOOK, second)
    intent = uuid.uuid4().hex

    with pytest.raises(RetryableError):
        await process.carry_out(opened_event(group), intent)
    result = await process.carry_out(opened_event(group), intent)

    assert (result.ending, await group_rules(aws, group)) == ("done", CLOSED)
    assert [proxy.seen.count(name) for name in WRITES] == [1, 1]


async def test_a_plan_that_is_denied_is_unknown_and_costs_no_budget(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """A role that may not look never leads to "fine" or to a change; once it may, the same intent is done."""
    before = await group_rules(aws, group)
    proxy.add(LOOK, refused_by_ec2("UnauthorizedOperation", 403))
    intent = uuid.uuid4().hex
    for _ in range(30):
        with pytest.raises(PermanentError) as raised:
            await process.carry_out(opened_event(group), intent)
    denied = await group_rules(aws, group)
    proxy.clear()

    result = await process.carry_out(opened_event(group), intent)

    assert (raised.value.kind, before) == (FailureKind.ACCESS_DENIED, denied)
    assert (result.ending, await group_rules(aws, group)) == ("done", CLOSED)


async def test_a_role_that_may_not_write_fails_the_intent_and_nothing_is_changed(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """Reading is allowed and writing denied: failed for good; redriven once it is allowed, it is done."""
    before = await group_rules(aws, group)
    proxy.add(WRITES[0], refused_by_ec2("UnauthorizedOperation", 403), times=1)
    intent = uuid.uuid4().hex
    with pytest.raises(PermanentError):
        await process.carry_out(opened_event(group), intent)
    denied = await group_rules(aws, group)

    result = await process.carry_out(opened_event(group), intent)

    assert (before, result.ending, await group_rules(aws, group)) == (denied, "done", CLOSED)


class Running(SystemClock, HandWound):
    """A clock that nobody winds: whoever waits for another process must not see it grow old at once."""


@pytest.mark.parametrize("replicas", [1, 2])
async def test_two_events_on_one_resource_at_once_change_it_once(
    store: SqliteStore, proxy: FaultProxy, aws: AwsClients, group: str, replicas: int
) -> None:
    """In one process, and in two that share the state: one acts, the others find it right, no call is made twice."""
    options = CLOSING | {"cooldown_seconds": 0}
    processes = [Process(proxy.endpoint_url, store, Running(), options) for _ in range(replicas)]
    results: list[Result] = []

    async def act(process: Process) -> None:
        event, intent = opened_event(group), uuid.uuid4().hex
        while True:
            try:
                results.append(await process.carry_out(event, intent))
            except RetryableError:
                await anyio.sleep(0.01)  # the other process is at it; target.py tries again, too
            else:
                return

    async with anyio.create_task_group() as keeping:
        for process in processes:
            await process.session.renew()
            keeping.start_soon(process.session.keep, random.Random(1))
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(act, processes[number % replicas])
        keeping.cancel_scope.cancel()
    for process in processes:
        await process.close()

    assert sorted((each.ending, each.reason) for each in results) == [("declined", "already_right")] * 3 + [
        ("done", "")
    ]
    assert await group_rules(aws, group) == CLOSED
    assert [proxy.seen.count(name) for name in WRITES] == [1, 1]


async def test_spoilt_locks_touches_and_requests_keep_no_action_from_its_end(
    process: Process, store: SqliteStore, aws: AwsClients, group: str
) -> None:
    """A lock whose owner cannot be read is nobody's; touches are counted anew, and that is told."""
    hour = int(process.clock.time // HOUR)
    resource = f"{ACCOUNT}/{REGION}/{group}"
    await store.put([Write(key, b"\xff", None) for key in (f"lock/{resource}", f"count/{hour}/touch/{resource}")])

    result = await process.carry_out(opened_event(group))

    assert (result.ending, await group_rules(aws, group)) == ("done", CLOSED)
    assert process.counted("state_items_unreadable_total", kind="count") >= 1.0
