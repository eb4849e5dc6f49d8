"""Actions that end by themselves, with a clock wound by hand and an emulated estate."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import orjson
import pytest

from daemon.actions import ACTIONS
from daemon.clients import AwsClients, AwsSettings
from daemon.clients.estate import Estate, EstateSettings
from daemon.dedupe.claims import Claims
from daemon.dedupe.session import Session
from daemon.dispatch.notices import Headline
from daemon.dispatch.plan import Intent, MatchedRule, Route
from daemon.dispatch.remediation import Remediation, Surroundings, build_remediation
from daemon.dispatch.remediation.approvals import ApprovalSettings
from daemon.dispatch.remediation.expired import ExpiredActions
from daemon.dispatch.remediation.result import Ending
from daemon.event import Event
from daemon.sinks.base import Severity
from daemon.state.sqlite import SqliteStore
from daemon.telemetry import build_telemetry
from tests.clocks import HandWound
from tests.e2e.closing_ssh import CLOSED, open_to_the_world, opened_event
from tests.e2e.estates import group_rules, make_group
from tests.emulators import REGION, Emulator

pytestmark = pytest.mark.anyio

OPTIONS = {
    "type": "ec2.restrict-ingress",
    "mode": "auto",
    "port": 22,
    "allowed": ["10.10.0.0/16"],
    "undo_after_seconds": 3600,
}


class Process:
    """One daemon's worth of remediation."""

    def __init__(self, moto: Emulator, store: SqliteStore, clock: HandWound) -> None:
        settings = AwsSettings(region=REGION, endpoint_url=moto.endpoint_url)
        self.aws = AwsClients(settings)
        self.clock = clock
        telemetry, rng = build_telemetry(), random.Random(1)
        self.session = Session(store, clock, telemetry)
        estate = Estate(EstateSettings(), self.aws, settings, clock)
        configs = {"close": ACTIONS["ec2.restrict-ingress"].config.model_validate(OPTIONS)}
        around = Surroundings(store, self.session, telemetry, clock, rng)
        self.remediation: Remediation = build_remediation(configs, estate, ApprovalSettings(), around, self._announce)
        claims = Claims(store, self.session, clock, 86_400)
        self.expired = ExpiredActions(self.remediation.kernels, estate, claims, self.remediation.context)

    async def _announce(self, event: Event, targets: tuple[str, ...], rule: str) -> None:
        """Nobody listens here."""

    async def act(self, event: dict[str, Any]) -> Ending:
        """Carry the action out on an event; return how it ended."""
        headline = Headline("rule", Severity.HIGH, "")
        intent = Intent(
            uuid.uuid4().hex,
            Event(f"e-{uuid.uuid4()}", orjson.dumps(event), ""),
            MatchedRule(headline, (Route("close"),)),
            Route("close"),
        )
        return (await self.remediation.kernels["close"].carry_out(intent, self._held)).ending

    async def _held(self) -> bool:
        return True

    async def steps(self) -> list[str]:
        """Return the steps in the journal."""
        return [entry.step async for entry in self.remediation.context.journal.read()]


@pytest.fixture
async def process(moto: Emulator, store: SqliteStore, clock: HandWound) -> AsyncIterator[Process]:
    """Yield a process with its session under way."""
    made = Process(moto, store, clock)
    await made.session.renew()
    yield made
    await made.aws.close()


async def test_what_was_done_ends_after_its_time(process: Process) -> None:
    """Not before its time, but at it, the state before comes back, once, and the journal says so."""
    group = await make_group(process.aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(process.aws, group)
    before = await group_rules(process.aws, group)
    assert Ending.DONE is await process.act(opened_event(group))

    await process.expired.undo_due()
    assert await group_rules(process.aws, group) == CLOSED
    process.clock.time += 3_600
    await process.session.renew()
    await process.expired.undo_due()
    await process.expired.undo_due()

    assert before == await group_rules(process.aws, group)
    assert await process.steps() == ["begun", "undone"]


async def test_what_has_changed_since_is_left_alone(process: Process) -> None:
    """Where somebody has changed the group meanwhile, nothing is undone, and it is not tried again."""
    group = await make_group(process.aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(process.aws, group)
    await process.act(opened_event(group))
    ec2 = await process.aws.client("ec2", REGION)
    rule = {"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "IpRanges": [{"CidrIp": "10.2.0.0/16"}]}
    await ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    changed = await group_rules(process.aws, group)

    process.clock.time += 3_600
    await process.session.renew()
    await process.expired.undo_due()

    assert changed == await group_rules(process.aws, group)
    assert await process.remediation.context.expiries.due() == []


async def test_a_fault_of_an_action_does_not_end_the_daemon(process: Process) -> None:
    """Where undoing fails in our own code it is given up and said, and the rest goes on."""
    group = await make_group(process.aws, f"open-{uuid.uuid4()}")
    await open_to_the_world(process.aws, group)
    await process.act(opened_event(group))
    process.clock.time += 3_600
    await process.session.renew()
    (intent,) = await process.remediation.context.expiries.due()
    saved = await process.remediation.context.records.find(intent)
    assert saved is not None
    broken = msgspec.structs.replace(saved.record, before={"not": "an image"})
    await process.remediation.context.records.save(broken, saved.version, process.clock.time)

    await process.expired.undo_due()

    assert await process.remediation.context.expiries.due() == []
    assert await group_rules(process.aws, group) == CLOSED


async def test_a_touch_too_many_suspends_the_rule(process: Process) -> None:
    """The sixth action on one group within an hour still takes place, and the rule acts no more until resumed."""
    group = await make_group(process.aws, f"open-{uuid.uuid4()}")
    endings = []
    for _ in range(7):
        await reopen(process.aws, group)
        endings.append(await process.act(opened_event(group)))
        process.clock.time += 301
        await process.session.renew()

    assert endings == [Ending.DONE] * 6 + [Ending.REFUSED]
    (hold,) = await process.remediation.context.holds.in_force()
    assert (hold.rule, hold.by) == ("rule", "vigild")


async def reopen(aws: AwsClients, group: str) -> None:
    """Make the group as it is before an action, whatever it is now."""
    ec2 = await aws.client("ec2", REGION)
    found = (await ec2.describe_security_groups(GroupIds=[group]))["SecurityGroups"][0]["IpPermissions"]
    if found:
        await ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=found)
    await open_to_the_world(aws, group)
