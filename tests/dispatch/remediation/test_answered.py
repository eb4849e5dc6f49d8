"""Plans that wait for a person and what becomes of the answers, with a clock wound by hand and an emulated estate."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import orjson
import pytest

from daemon.clients import AwsClients
from daemon.dedupe.claims import ClaimState, Held
from daemon.dispatch.remediation.approvals import Answer
from daemon.dispatch.remediation.holds import Hold
from daemon.dispatch.remediation.record import Record
from daemon.state.base import Write
from daemon.state.sqlite import SqliteStore
from tests.clocks import HandWound
from tests.dispatch.remediation.rig import CLOSING, Process
from tests.e2e.closing_ssh import CLOSED, open_to_the_world, opened_event
from tests.e2e.estates import group_rules, make_group, open_ports
from tests.faults import FaultProxy, refused_by_ec2, rewritten, unanswered

pytestmark = pytest.mark.anyio

APPROVED = CLOSING | {"mode": "approve"}
LOOK = "DescribeSecurityGroups"


@pytest.fixture
async def process(proxy: FaultProxy, store: SqliteStore, clock: HandWound) -> AsyncIterator[Process]:
    """Yield a process that asks before it acts, with its session under way, behind a proxy."""
    made = Process(proxy.endpoint_url, store, clock, APPROVED)
    await made.session.renew()
    yield made
    await made.close()


async def waiting(process: Process, aws: AwsClients, answer: Answer | None = Answer.APPROVED) -> tuple[str, str]:
    """Have a plan wait and answered; return the intent and the group it is about."""
    group = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, group)
    intent = uuid.uuid4().hex
    await process.carry_out(opened_event(group), intent)
    if answer is not None:
        await process.context.approvals.answer(intent, answer, "ada")
    return intent, group


async def alter(store: SqliteStore, key: str, change: dict[str, Any]) -> None:
    """Change fields of what is stored under a key, behind the daemon's back."""
    (item,) = await store.get([key])
    assert item is not None
    await store.put([Write(key, orjson.dumps(orjson.loads(item.value) | change), None)])


@pytest.mark.parametrize("operation", [LOOK, "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"])
async def test_a_throttled_call_of_an_approved_plan_is_tried_again(
    process: Process, proxy: FaultProxy, aws: AwsClients, operation: str
) -> None:
    """Wherever AWS throttles, the plan is brought to its end once AWS answers; until then nothing is told."""
    _, group = await waiting(process, aws)
    proxy.add(operation, refused_by_ec2("RequestLimitExceeded"), times=2)

    for _ in range(2):
        await process.answered.once()
        assert process.endings() == []
        await process.pass_time(60)
    await process.answered.once()

    assert (process.endings(), await group_rules(aws, group)) == (["done"], CLOSED)
    assert [approval async for approval in process.context.approvals.all()] == []


async def test_a_call_that_nobody_answered_is_not_made_twice(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """Where the answer to the first change is lost, the next attempt looks and makes only what is left."""
    _, group = await waiting(process, aws)
    proxy.add("AuthorizeSecurityGroupIngress", unanswered(), times=1)

    await process.answered.once()
    await process.pass_time(60)
    await process.answered.once()

    assert (process.endings(), await group_rules(aws, group)) == (["done"], CLOSED)
    assert proxy.seen.count("AuthorizeSecurityGroupIngress") == 1


async def test_a_change_of_others_amid_an_approved_plan_is_left_to_a_person(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """Cut off after its first change, and opened further by somebody since: nobody approved of closing that, too."""
    _, group = await waiting(process, aws)
    proxy.add("AuthorizeSecurityGroupIngress", unanswered(), times=1)
    await process.answered.once()
    changed = await open_ports(aws, group, 20, 25, "0.0.0.0/0")

    await process.pass_time(60)
    await process.answered.once()

    assert [(told["ending"], told["reason"]) for told in process.told] == [("uncertain", "changed")]
    assert [(letter.reason, letter.attempts) for letter in await process.parked()] == [("state", 2)]
    assert changed == await group_rules(aws, group)


async def test_an_approved_plan_is_given_up_at_its_age_limit(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """AWS throttles for longer than the action's retry allows: failed, recorded and told once; nothing was changed."""
    _, group = await waiting(process, aws)
    before = await group_rules(aws, group)
    proxy.add(LOOK, refused_by_ec2("RequestLimitExceeded"))
    began = process.clock.time

    while process.endings() == []:
        await process.answered.once()
        await process.pass_time(60)

    assert 3_500 < process.clock.time - began < 3_800
    assert (process.told[0]["ending"], process.told[0]["reason"]) == ("failed", "throttled")
    assert before == await group_rules(aws, group)
    assert await process.steps() == ["failed"]


async def test_what_aws_denies_fails_at_once_and_holds_up_no_other(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """A denied change is the end of its own plan; the one beside it is carried out."""
    _, first = await waiting(process, aws)
    _, second = await waiting(process, aws)
    proxy.add("AuthorizeSecurityGroupIngress", refused_by_ec2("UnauthorizedOperation", 403), times=1)

    await process.answered.once()

    assert sorted(process.endings()) == ["done", "failed"]
    rules = [await group_rules(aws, group) for group in (first, second)]
    assert rules.count(CLOSED) == 1


async def test_what_failed_is_parked_and_asks_anew_once_redriven(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """The letter holds the event; the intent, final when it asked, can be reopened; approved again, it is done."""
    intent, group = await waiting(process, aws)
    (asked,) = await process.claims.claim([intent])
    assert isinstance(asked, Held)
    await process.claims.confirm(asked, ClaimState.DONE)
    proxy.add("AuthorizeSecurityGroupIngress", refused_by_ec2("UnauthorizedOperation", 403), times=1)

    await process.answered.once()

    (letter,) = await process.parked()
    assert (letter.id, letter.origin, letter.name, letter.rule) == (intent, "target", "close", "rule")
    assert (letter.reason, letter.attempts, process.endings()) == ("access_denied", 1, ["failed"])
    (reopened,) = await process.claims.claim([intent], reopen=True)
    assert isinstance(reopened, Held)
    await process.pass_time(301)
    assert (await process.carry_out(orjson.loads(bytes(letter.event)), intent)).ending == "waiting"
    await process.context.approvals.answer(intent, Answer.APPROVED, "ada")
    await process.answered.once()
    assert (process.endings(), await group_rules(aws, group)) == (["failed", "done"], CLOSED)


async def test_what_failed_is_parked_once_nobody_tells_of_the_request_any_longer(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """While the intent is claimed, its holder would make it final again after the letter: until then it waits."""
    intent, _ = await waiting(process, aws)
    (asked,) = await process.claims.claim([intent])
    assert isinstance(asked, Held)
    proxy.add("AuthorizeSecurityGroupIngress", refused_by_ec2("UnauthorizedOperation", 403), times=1)

    await process.answered.once()
    assert (await process.parked(), process.endings()) == ([], [])
    await process.claims.confirm(asked, ClaimState.DONE)
    await process.pass_time(60)
    await process.answered.once()

    assert ([letter.id for letter in await process.parked()], process.endings()) == ([intent], ["failed"])


async def test_an_event_too_large_to_be_kept_is_refused(process: Process, aws: AwsClients) -> None:
    """What could not be redriven is not put up for approval, and that is said."""
    group = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, group)

    result = await process.carry_out(opened_event(group) | {"more": "x" * 300_000})

    assert (result.ending, result.reason) == ("refused", "too_large")


async def test_a_fault_of_an_action_fails_its_plan_and_not_the_daemon(
    process: Process, proxy: FaultProxy, aws: AwsClients
) -> None:
    """Where the action fails in our own code the plan fails as a bug and is told, and the other plan is carried out."""
    await waiting(process, aws)
    await waiting(process, aws)
    proxy.add(LOOK, rewritten(lambda body: body.replace(b"ipProtocol>", b"ipNothing>")), times=1)

    await process.answered.once()
    await process.answered.once()

    assert sorted((told["ending"], told.get("reason", "")) for told in process.told) == [
        ("done", ""),
        ("failed", "bug"),
    ]


async def test_a_denied_plan_and_one_past_its_deadline_are_closed(process: Process, aws: AwsClients) -> None:
    """What a person denies, and what nobody answers in time, changes nothing, is told once and never carried out."""
    _, denied = await waiting(process, aws, Answer.DENIED)
    _, lapsed = await waiting(process, aws, None)
    before = await group_rules(aws, lapsed)
    await process.pass_time(3_601)

    await process.answered.once()
    await process.answered.once()

    assert sorted(process.endings()) == ["denied", "lapsed"]
    assert [before, before] == [await group_rules(aws, group) for group in (denied, lapsed)]


async def test_a_live_state_that_changed_since_the_plan_is_left_alone(process: Process, aws: AwsClients) -> None:
    """Between plan and approval somebody opened another port: what the person saw is gone, so nothing is done."""
    _, group = await waiting(process, aws, None)
    changed = await open_ports(aws, group, 8443, 8443, "10.2.0.0/16")
    (approval,) = [each async for each in process.context.approvals.all()]
    await process.context.approvals.answer(approval.intent, Answer.APPROVED, "ada")

    await process.answered.once()

    assert [(told["ending"], told["reason"]) for told in process.told] == [("declined", "changed")]
    assert changed == await group_rules(aws, group)


@pytest.mark.parametrize("where", ["plan", "subject"])
async def test_a_plan_that_was_altered_after_asking_is_refused(
    process: Process, store: SqliteStore, aws: AwsClients, where: str
) -> None:
    """A person approves what was shown: a plan or subject that was exchanged in the store since is not carried out."""
    intent, group = await waiting(process, aws)
    other_intent, other = await waiting(process, aws, None)
    before = await group_rules(aws, group)
    (item,) = await store.get([f"action/{other_intent}"])
    assert item is not None
    record = msgspec.json.decode(item.value, type=Record)
    exchanged = {"plan": msgspec.to_builtins(record.plan), "subject": msgspec.to_builtins(record.subject)}
    await alter(store, f"action/{intent}", {where: exchanged[where]})

    await process.answered.once()

    assert [(told["ending"], told["reason"]) for told in process.told] == [("refused", "altered")]
    assert [before, before] == [await group_rules(aws, each) for each in (group, other)]


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b"[]", b'{"intent":"another","deadline":0,"plan":""}'])
async def test_an_unreadable_request_counts_as_denied_and_holds_up_no_other(
    process: Process, store: SqliteStore, aws: AwsClients, value: bytes
) -> None:
    """Nobody knows any longer what was asked: nothing is done, it is told and counted once; the other plan goes on."""
    intent, group = await waiting(process, aws)
    before = await group_rules(aws, group)
    await store.put([Write(f"approval/{intent}", value, None)])
    _, other = await waiting(process, aws)

    await process.answered.once()
    await process.answered.once()

    assert sorted(process.endings()) == ["denied", "done"]
    assert [before, CLOSED] == [await group_rules(aws, each) for each in (group, other)]
    assert process.counted("state_items_unreadable_total", kind="approval") == 1.0
    (kept,) = await store.get([f"aside/approval/{intent}"])
    assert kept is not None
    assert value == kept.value


async def test_an_unreadable_record_is_never_acted_on(process: Process, store: SqliteStore, aws: AwsClients) -> None:
    """What may have been done is not done again on a guess; the other plan is carried out."""
    intent, group = await waiting(process, aws)
    before = await group_rules(aws, group)
    await store.put([Write(f"action/{intent}", b"{}", None)])
    _, other = await waiting(process, aws)

    await process.answered.once()
    await process.answered.once()

    assert process.endings() == ["done"]
    assert [before, CLOSED] == [await group_rules(aws, each) for each in (group, other)]
    assert process.counted("state_items_unreadable_total", kind="record") == 1.0
    assert [each async for each in process.context.approvals.all()] == []


async def test_an_approved_plan_that_is_held_meanwhile_is_refused(process: Process, aws: AwsClients) -> None:
    """Whoever holds actions after one was approved means that one, too."""
    _, group = await waiting(process, aws)
    before = await group_rules(aws, group)
    hold = Hold(id="h-1", resource=group, by="eve", why="a migration", since=process.clock.time)
    await process.context.holds.place(hold, None)

    await process.answered.once()

    assert [(told["ending"], told["reason"]) for told in process.told] == [("refused", "held")]
    assert before == await group_rules(aws, group)


async def test_a_claim_that_cannot_be_read_keeps_nothing_waiting(
    process: Process, store: SqliteStore, aws: AwsClients
) -> None:
    """It is counted and taken over: the plan goes on from its own record, which says how far it has come."""
    intent, group = await waiting(process, aws)
    await store.put([Write(f"claim/approval:{intent}", b"\xff", None)])

    await process.answered.once()

    assert (process.endings(), await group_rules(aws, group)) == (["done"], CLOSED)
    assert process.counted("state_items_unreadable_total", kind="claim") == 1.0


async def test_of_two_processes_one_carries_out(
    process: Process, proxy: FaultProxy, store: SqliteStore, clock: HandWound, aws: AwsClients
) -> None:
    """Two replicas see the same answer; the change is made, journalled and told once."""
    _, group = await waiting(process, aws)
    other = Process(proxy.endpoint_url, store, clock, APPROVED)
    await other.session.renew()

    await process.answered.once()
    await other.answered.once()
    await other.close()

    assert (process.endings() + other.endings(), await group_rules(aws, group)) == (["done"], CLOSED)
    assert await process.steps() == ["begun", "done"]


async def test_an_unreadable_hold_stops_every_action_until_it_is_lifted(
    process: Process, store: SqliteStore, aws: AwsClients
) -> None:
    """Somebody wanted something not to be touched, and nobody knows what: refused and counted once, until lifted."""
    await store.put([Write("hold/h-1", b"\x00", None)])
    group = await make_group(aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(aws, group)

    held = [await process.carry_out(opened_event(group)) for _ in range(2)]
    await process.context.holds.lift("h-1")
    asked = await process.carry_out(opened_event(group))

    assert [(each.ending, each.reason) for each in held] == [("refused", "held")] * 2
    assert asked.ending == "waiting"
    assert process.counted("state_items_unreadable_total", kind="hold") == 1.0
