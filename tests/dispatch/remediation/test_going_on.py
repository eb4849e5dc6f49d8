"""What was planned, or half done, and is gone on with later: another attempt, a redrive, an undo."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from daemon.actions.subject import Subject
from daemon.clients import AwsClients
from daemon.dispatch.remediation.holds import Hold
from daemon.dispatch.remediation.undo import NothingToUndoError, undo
from daemon.errors import FailureKind, PermanentError, RetryableError
from daemon.state.sqlite import SqliteStore
from tests.clocks import HandWound
from tests.dispatch.remediation.rig import CLOSING, Process
from tests.e2e.closing_ssh import CLOSED, open_to_the_world, opened_event
from tests.e2e.estates import ACCOUNT, group_rules, instance_state, make_group, make_stopped_instance, open_ports
from tests.emulators import REGION
from tests.faults import Answer, FaultProxy, Forward, refused, refused_by_ec2, unanswered

pytestmark = pytest.mark.anyio

LOOK = "DescribeSecurityGroups"
FIRST, SECOND = "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"
INTENT = "1" * 32
Run = Callable[[dict[str, Any]], Awaitable[Process]]


@pytest.fixture
async def run(proxy: FaultProxy, store: SqliteStore, clock: HandWound) -> AsyncIterator[Run]:
    """Yield what starts a process with these options, behind a proxy."""
    made: list[Process] = []

    async def start(options: dict[str, Any]) -> Process:
        process = Process(proxy.endpoint_url, store, clock, {"mode": "auto", "cooldown_seconds": 0} | options)
        made.append(process)
        await process.session.renew()
        return process

    yield start
    for process in made:
        await process.close()


@pytest.fixture
async def process(run: Run) -> Process:
    """Return a process that closes a port at once."""
    return await run(CLOSING)


@pytest.fixture
async def group(aws: AwsClients) -> str:
    """Return a group that is open to the world."""
    made = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, made)
    return made


@asynccontextmanager
async def held(process: Process) -> AsyncIterator[None]:
    """Hold all actions for a time."""
    await process.context.holds.place(Hold(id="stop", by="ada", why="hands off", since=0), None)
    yield
    await process.context.holds.lift("stop")


async def taken_back(process: Process) -> str:
    """Undo by hand."""
    return await undo(INTENT, process.remediation.kernels, process.estate, process.context, "ada")


async def cut_off(process: Process, proxy: FaultProxy, group: str) -> None:
    """Make the first change and lose the answer."""
    proxy.add(FIRST, unanswered(), times=1)
    with pytest.raises(RetryableError):
        await process.carry_out(opened_event(group), INTENT)


async def denied(process: Process, proxy: FaultProxy, group: str) -> None:
    """Make the first change and be denied the second."""
    proxy.add(SECOND, refused_by_ec2("UnauthorizedOperation", 403), times=1)
    with pytest.raises(PermanentError):
        await process.carry_out(opened_event(group), INTENT)


async def test_another_attempt_looks_again_and_asks_policy_again(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """Nothing was changed yet: what others do meanwhile and what they hold counts, and the attempt costs no budget."""
    proxy.add(FIRST, refused_by_ec2("RequestLimitExceeded"), times=20)
    for _ in range(20):
        with pytest.raises(RetryableError):
            await process.carry_out(opened_event(group), INTENT)
    async with held(process):
        on_hold = await process.carry_out(opened_event(group), INTENT)
    await open_ports(aws, group, 8443, 8443, "0.0.0.0/0")

    result = await process.carry_out(opened_event(group), INTENT)
    await taken_back(process)

    assert (on_hold.ending, on_hold.reason, result.ending) == ("refused", "held", "done")
    assert "tcp 8443-8443 0.0.0.0/0" in await group_rules(aws, group)
    begun = [each.before for each in [each async for each in process.context.journal.read()] if each.step == "begun"]
    assert [sum(rule["from"] == 8443 for rule in before["rules"]) for before in begun] == [0, 1]


async def test_a_change_that_was_cut_off_is_not_gone_on_with_while_held(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """It fails; redriven once the hold is lifted it is done, and undo brings back what was there at first."""
    before = await group_rules(aws, group)
    await cut_off(process, proxy, group)
    async with held(process):
        with pytest.raises(PermanentError, match="held"):
            await process.carry_out(opened_event(group), INTENT)
    assert proxy.seen.count(SECOND) == 0

    result = await process.carry_out(opened_event(group), INTENT)

    assert (result.ending, await group_rules(aws, group)) == ("done", CLOSED)
    await taken_back(process)
    assert before == await group_rules(aws, group)


async def test_what_others_changed_amid_a_change_outlives_its_undo(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """The port is closed all the same; undo goes back to what was there when they had changed it."""
    await cut_off(process, proxy, group)
    changed = await open_ports(aws, group, 8443, 8443, "0.0.0.0/0")

    await process.carry_out(opened_event(group), INTENT)
    closed = await group_rules(aws, group)
    await taken_back(process)

    assert sorted([*CLOSED, "tcp 8443-8443 0.0.0.0/0"]) == closed
    assert changed == await group_rules(aws, group)


async def test_a_list_put_as_a_whole_keeps_what_others_put_on_it_meanwhile(run: Run, proxy: FaultProxy) -> None:
    """The list is made private, the answer lost, and a person lets a service read it: that grant stays."""
    process = await run({"type": "s3.make-acl-private"})
    s3 = await process.aws.client("s3", REGION)
    bucket = f"bucket-{uuid.uuid4()}"
    await s3.create_bucket(Bucket=bucket, ACL="public-read")
    event = opened_event("", bucket={"name": bucket})

    async def lost(forward: Forward) -> Answer:
        await forward()
        return await refused("rest-xml", "InternalError", 500)(forward)

    proxy.add(f"PUT /{bucket}", lost, times=1)
    with pytest.raises(RetryableError):
        await process.carry_out(event, INTENT)
    await s3.put_bucket_acl(Bucket=bucket, ACL="log-delivery-write")
    granted = (await s3.get_bucket_acl(Bucket=bucket))["Grants"]

    await process.carry_out(event, INTENT)

    assert granted == (await s3.get_bucket_acl(Bucket=bucket))["Grants"]


async def test_what_was_half_done_can_be_undone(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """Denied the second change, the first is taken back; what AWS refused from the first needs no undo."""
    before = await group_rules(aws, group)
    await denied(process, proxy, group)
    assert before != await group_rules(aws, group)

    await taken_back(process)

    assert before == await group_rules(aws, group)
    with pytest.raises(NothingToUndoError, match="undone already"):
        await taken_back(process)


async def test_a_redriven_action_is_undone_from_its_first_change_and_told_anew(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """The before-image is the first one's; the journal has both beginnings, and which belong together."""
    before = await group_rules(aws, group)
    await denied(process, proxy, group)
    result = await process.carry_out(opened_event(group), INTENT)
    assert (result.ending, await group_rules(aws, group)) == ("done", CLOSED)

    await taken_back(process)

    assert before == await group_rules(aws, group)
    steps = [(each.step, each.plan_number) async for each in process.context.journal.read()]
    assert steps == [("begun", 1), ("begun", 2), ("undone", 2)]


async def test_an_action_that_is_given_up_halfway_can_be_undone(
    process: Process, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """Throttled for longer than it is tried: recorded as failed, with what was asked for until then."""
    before = await group_rules(aws, group)
    proxy.add(SECOND, refused_by_ec2("RequestLimitExceeded"), times=1)
    with pytest.raises(RetryableError) as raised:
        await process.carry_out(opened_event(group), INTENT)

    result = await process.remediation.kernels["close"].give_up(INTENT, raised.value)
    await taken_back(process)

    assert (result.ending, result.reason, len(result.requests)) == ("failed", FailureKind.THROTTLED, 1)
    assert before == await group_rules(aws, group)


async def test_half_of_the_instances_are_undone_too(run: Run, proxy: FaultProxy, aws: AwsClients) -> None:
    """Cut off, and gone on with for what was left: undo stops all that were started, not the rest alone."""
    process = await run({"type": "ec2.start-instances"})
    instances = [await make_stopped_instance(aws) for _ in range(2)]
    event = opened_event("", requestParameters={"instancesSet": {"items": [{"instanceId": i} for i in instances]}})
    ec2 = await aws.client("ec2", REGION)

    async def half(forward: Forward) -> Answer:
        await ec2.start_instances(InstanceIds=instances[:1])
        return await refused_by_ec2("InternalError", 500)(forward)

    proxy.add("StartInstances", half, times=1)
    with pytest.raises(RetryableError):
        await process.carry_out(event, INTENT)
    await process.carry_out(event, INTENT)
    started = [await instance_state(aws, each) for each in instances]

    await taken_back(process)

    assert (started, [await instance_state(aws, each) for each in instances]) == (["running"] * 2, ["stopped"] * 2)


async def test_a_process_that_slept_between_look_and_change_changes_nothing(
    process: Process, run: Run, proxy: FaultProxy, aws: AwsClients, group: str
) -> None:
    """Another process found it dead and took the resource over: nothing is written on the strength of an old look."""
    other, before = await run(CLOSING), await group_rules(aws, group)

    async def sleep(forward: Forward) -> Answer:
        answer = await forward()
        for _ in range(4):
            await other.session.alive({process.session.id})
            await other.pass_time(5)
        async with other.context.locks.hold(Subject(ACCOUNT, REGION, (group,))):
            return answer

    proxy.add(LOOK, sleep, times=1)

    with pytest.raises(RetryableError, match="taken the resource over"):
        await process.carry_out(opened_event(group), INTENT)

    assert before == await group_rules(aws, group)
    assert (await process.carry_out(opened_event(group), INTENT)).ending == "done"


async def test_a_budget_counts_resources(run: Run, aws: AwsClients) -> None:
    """Three instances do not fit where two may be acted upon; two of three, with the third right already, do."""
    process = await run({"type": "ec2.start-instances", "budget": {"per_rule_per_hour": 2}})
    instances = [await make_stopped_instance(aws) for _ in range(3)]
    event = opened_event("", requestParameters={"instancesSet": {"items": [{"instanceId": i} for i in instances]}})
    refused = await process.carry_out(event)
    untouched = [await instance_state(aws, each) for each in instances]
    await (await aws.client("ec2", REGION)).start_instances(InstanceIds=instances[:1])

    done = await process.carry_out(event)

    assert (refused.ending, refused.reason, untouched) == ("refused", "budget", ["stopped"] * 3)
    assert done.ending == "done"


async def test_an_object_with_the_longest_key_is_acted_upon(run: Run) -> None:
    """A key of 1,024 bytes fills a key of the state store; locks, cool-downs and touches go by its digest."""
    process = await run({"type": "s3.make-object-private", "cooldown_seconds": 60})
    s3 = await process.aws.client("s3", REGION)
    bucket, key = f"bucket-{uuid.uuid4()}", "k" * 1_024
    await s3.create_bucket(Bucket=bucket)
    await s3.put_object(Bucket=bucket, Key=key, Body=b"", ACL="public-read")
    event = opened_event("", requestParameters={"bucketName": bucket, "key": key})

    assert [(each.ending, each.reason) for each in [await process.carry_out(event) for _ in range(2)]] == [
        ("done", ""),
        ("refused", "cooldown"),
    ]


async def test_an_event_that_no_record_can_hold_is_refused(run: Run) -> None:
    """What is handed on stands in the record whole: refused with the reason, not a fault of our own."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:called"
    process = await run({"type": "lambda.invoke", "function_arn": arn})

    result = await process.carry_out(opened_event("", text="x" * 299_000))

    assert (result.ending, result.reason) == ("refused", "too_large")
