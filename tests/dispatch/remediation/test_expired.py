"""Actions that end by themselves, with a clock wound by hand and an emulated estate."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import msgspec
import pytest

from daemon.clients import AwsClients
from daemon.dispatch.remediation.holds import Hold
from daemon.dispatch.remediation.result import Ending
from daemon.state.base import Write
from daemon.state.sqlite import SqliteStore
from tests.clocks import HandWound
from tests.dispatch.remediation.rig import CLOSING, Process
from tests.e2e.closing_ssh import CLOSED, open_to_the_world, opened_event
from tests.e2e.estates import group_rules, make_group, open_ports
from tests.emulators import REGION
from tests.faults import FaultProxy, refused_by_ec2, unanswered

pytestmark = pytest.mark.anyio


@pytest.fixture
async def process(proxy: FaultProxy, store: SqliteStore, clock: HandWound) -> AsyncIterator[Process]:
    """Yield a process with its session under way, behind a proxy."""
    made = Process(proxy.endpoint_url, store, clock, CLOSING)
    await made.session.renew()
    yield made
    await made.close()


async def closed_and_expired(process: Process, aws: AwsClients) -> tuple[str, list[str]]:
    """Close a group and let its time pass; return its id and the rules it had before."""
    group = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, group)
    before = await group_rules(aws, group)
    assert Ending.DONE is await process.act(opened_event(group))
    await process.pass_time(3_600)
    return group, before


async def test_what_was_done_ends_after_its_time(process: Process, aws: AwsClients) -> None:
    """Not before its time, but at it, the state before comes back, once; journal and `notify` say so."""
    group = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, group)
    before = await group_rules(aws, group)
    assert Ending.DONE is await process.act(opened_event(group))

    await process.expired.once()
    assert await group_rules(aws, group) == CLOSED
    await process.pass_time(3_600)
    await process.expired.once()
    await process.expired.once()
    await process.undone.once()
    await process.undone.once()

    assert before == await group_rules(aws, group)
    assert await process.steps() == ["begun", "undone"]
    (told,) = process.told
    assert (told["ending"], told["by"]) == ("undone", "vigild, after its time")
    changes = {(each["before"], each["after"]) for each in told["changes"]}
    assert {(None, "tcp/22 from 0.0.0.0/0"), ("tcp/22 from 10.10.0.0/16", None)} <= changes


async def test_what_has_changed_since_is_left_alone(process: Process, aws: AwsClients) -> None:
    """Where somebody has changed the group meanwhile, nothing is undone, and it is not tried again."""
    group = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, group)
    await process.act(opened_event(group))
    changed = await open_ports(aws, group, 8443, 8443, "10.2.0.0/16")

    await process.pass_time(3_600)
    await process.expired.once()

    assert changed == await group_rules(aws, group)
    assert await process.context.expiries.due() == []


async def test_a_fault_of_an_action_does_not_end_the_daemon(process: Process, aws: AwsClients) -> None:
    """Where undoing fails in our own code it is given up and told, and the rest goes on."""
    group, _ = await closed_and_expired(process, aws)
    ((intent, _),) = await process.context.expiries.due()
    saved = await process.context.records.find(intent)
    assert saved is not None
    broken = msgspec.structs.replace(saved.record, before={"not": "an image"})
    await process.context.records.save(broken, saved.version, process.clock.time)
    other, before = await closed_and_expired(process, aws)

    await process.expired.once()

    assert await process.context.expiries.due() == []
    assert (CLOSED, before) == (await group_rules(aws, group), await group_rules(aws, other))
    assert [(told["ending"], told["reason"]) for told in process.told] == [("not_undone", "bug")]


async def test_a_throttled_undo_is_tried_again_and_holds_up_no_other(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """What AWS throttles is undone once it answers; what is due beside it is undone at once."""
    first, before = await closed_and_expired(process, aws)
    second, _ = await closed_and_expired(process, aws)
    proxy.add("DescribeSecurityGroups", refused_by_ec2("RequestLimitExceeded"), times=1)

    await process.expired.once()
    after_one = [await group_rules(aws, group) for group in (first, second)]
    await process.pass_time(60)
    await process.expired.once()

    assert sorted(after_one) == sorted([before, CLOSED])
    assert [before, before] == [await group_rules(aws, group) for group in (first, second)]
    assert (process.counted("intent_attempts_failed_total"), process.counted("undo_failed_total")) == (1.0, 0.0)


async def test_an_undo_that_stays_denied_is_given_up_and_told(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """A denial is waited out, because people mend it; after the action's age limit it is told, once, and forgotten."""
    group, _ = await closed_and_expired(process, aws)
    proxy.add("AuthorizeSecurityGroupIngress", refused_by_ec2("UnauthorizedOperation", 403))

    looks = 0
    while await process.context.expiries.due():
        await process.expired.once()
        await process.pass_time(60)
        looks += 1

    assert looks > 30
    assert [(told["ending"], told["reason"]) for told in process.told] == [("not_undone", "access_denied")]
    assert (await process.steps(), await group_rules(aws, group)) == (["begun", "not_undone"], CLOSED)


async def test_an_undo_that_was_cut_off_goes_on(process: Process, proxy: FaultProxy, aws: AwsClients) -> None:
    """After the first of two changes back nobody hears the answer; the next attempt makes only the second."""
    group, before = await closed_and_expired(process, aws)
    proxy.add("AuthorizeSecurityGroupIngress", unanswered(), times=1)

    await process.expired.once()
    cut_off = await group_rules(aws, group)
    await process.pass_time(60)
    await process.expired.once()

    assert set(cut_off) > set(CLOSED)
    assert before == await group_rules(aws, group)
    assert proxy.seen.count("AuthorizeSecurityGroupIngress") == 2  # closing, and opening again
    assert await process.steps() == ["begun", "undone"]


async def test_a_clock_that_is_put_back_delays_an_undo_and_does_not_forget_it(
    process: Process, proxy: FaultProxy, clock: HandWound, aws: AwsClients
) -> None:
    """An undo that waits for its second attempt is not due for a while; when it is again, it is made."""
    group, before = await closed_and_expired(process, aws)
    proxy.add("AuthorizeSecurityGroupIngress", unanswered(), times=1)
    await process.expired.once()

    clock.time -= 100_000
    await process.expired.once()
    clock.time += 100_060
    await process.expired.once()

    assert before == await group_rules(aws, group)
    assert await process.steps() == ["begun", "undone"]


async def test_a_change_of_others_stops_an_undo_that_was_cut_off(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """Where somebody adds a rule between two attempts, nothing is taken away from it."""
    group, _ = await closed_and_expired(process, aws)
    proxy.add("AuthorizeSecurityGroupIngress", unanswered(), times=1)
    await process.expired.once()
    changed = await open_ports(aws, group, 8443, 8443, "10.2.0.0/16")

    await process.pass_time(60)
    await process.expired.once()

    assert changed == await group_rules(aws, group)
    assert process.endings() == ["not_undone"]


async def test_what_a_person_holds_is_undone_once_the_hold_is_lifted(process: Process, aws: AwsClients) -> None:
    """Somebody works on the group: its time may be over, it stays as it is until they are done; said once."""
    group, before = await closed_and_expired(process, aws)
    hold = Hold(id="h-1", resource=group, by="eve", why="a migration", since=process.clock.time)
    await process.context.holds.place(hold, None)
    other, _ = await closed_and_expired(process, aws)

    for _ in range(2):
        await process.expired.once()
    assert (CLOSED, before) == (await group_rules(aws, group), await group_rules(aws, other))
    assert process.counted("undo_held_total") == 1.0
    await process.context.holds.lift("h-1")
    await process.expired.once()

    assert before == await group_rules(aws, group)


async def test_a_hold_leaves_no_undo_half_made(process: Process, proxy: FaultProxy, aws: AwsClients) -> None:
    """What was cut off after its first change back is brought to its end, although it is held meanwhile."""
    group, before = await closed_and_expired(process, aws)
    proxy.add("AuthorizeSecurityGroupIngress", unanswered(), times=1)
    await process.expired.once()
    hold = Hold(id="h-1", by="eve", why="a migration", since=process.clock.time)
    await process.context.holds.place(hold, None)

    await process.pass_time(60)
    await process.expired.once()

    assert before == await group_rules(aws, group)


async def test_an_undo_that_nobody_could_tell_of_is_no_fault(
    process: Process, store: SqliteStore, aws: AwsClients
) -> None:
    """A record that can no longer be read is counted, and the others are told."""
    await closed_and_expired(process, aws)
    ((intent, _),) = await process.context.expiries.due()
    await closed_and_expired(process, aws)
    await process.expired.once()
    await store.put([Write(f"action/{intent}", b"{}", None)])

    await process.undone.once()

    assert process.endings() == ["undone"]
    assert await process.undone.due() == []


async def test_an_unreadable_time_is_told_and_holds_up_no_other(
    process: Process, store: SqliteStore, aws: AwsClients
) -> None:
    """Where nobody can read when to undo, the change stays and that is told; the others are undone in time."""
    group, _ = await closed_and_expired(process, aws)
    ((intent, _),) = await process.context.expiries.due()
    await store.put([Write(f"undo-at/{intent}", b"\xff", None)])
    other, before = await closed_and_expired(process, aws)

    await process.expired.once()
    await process.expired.once()

    assert (CLOSED, before) == (await group_rules(aws, group), await group_rules(aws, other))
    assert process.endings() == ["not_undone"]
    assert process.counted("state_items_unreadable_total", kind="expiry") == 1.0


async def test_a_touch_too_many_suspends_the_rule(process: Process, aws: AwsClients) -> None:
    """The sixth action on one group within an hour still takes place, and the rule acts no more until resumed."""
    group = await make_group(aws, f"open-{uuid.uuid4()}")
    endings = []
    for _ in range(7):
        await reopen(aws, group)
        endings.append(await process.act(opened_event(group)))
        await process.pass_time(301)

    assert endings == [Ending.DONE] * 6 + [Ending.REFUSED]
    (hold,) = await process.context.holds.in_force()
    assert (hold.rule, hold.by) == ("rule", "vigild")


async def reopen(aws: AwsClients, group: str) -> None:
    """Make the group as it is before an action, whatever it is now."""
    ec2 = await aws.client("ec2", REGION)
    found = (await ec2.describe_security_groups(GroupIds=[group]))["SecurityGroups"][0]["IpPermissions"]
    if found:
        await ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=found)
    await open_to_the_world(aws, group)
