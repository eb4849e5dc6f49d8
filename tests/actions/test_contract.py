"""What every action promises, over the table of actions, on an emulated estate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon.actions import ACTIONS
from daemon.actions.base import Decline, Declined, Plan, Verdict
from daemon.actions.subject import SubjectError
from daemon.clients import AwsClients
from daemon.dispatch.remediation.result import Ending
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.state.sqlite import SqliteConfig, SqliteStore
from tests.actions.acting import KEY, Acting, acting, iam_actions
from tests.actions.cases import CASES, Case
from tests.actions.ssm.automations import run_automations
from tests.clocks import HandWound
from tests.dispatch.remediation.rig import Process
from tests.e2e.estates import estate_of
from tests.emulators import REGION, Emulator
from tests.faults import Answer, FaultProxy, Forward, refused

pytestmark = pytest.mark.anyio

_SERVICES = {"ssm.run-document": "ec2", "states.start-execution": "stepfunctions", "waf.block-ip": "wafv2"}
"""The service that is called first, where the type does not begin with its name."""
_READS = ("Describe", "Get", "List", "GET ", "HEAD ")
_MOST_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Ground:
    """One type of action, the bad states made for it, and a proxy before the estate."""

    kind: str
    cases: Sequence[Case]
    proxy: FaultProxy
    protocol: str
    """Of the service that it calls first."""

    @asynccontextmanager
    async def acting(self, case: Case) -> AsyncIterator[Acting]:
        """Yield the action for a case."""
        async with acting(self.emulator, {"type": self.kind, **case.options}) as it:
            yield it

    @property
    def emulator(self) -> Emulator:
        """The estate behind the proxy."""
        return Emulator("estate", self.proxy.endpoint_url, 0)

    def writes(self) -> list[str]:
        """Return the calls that change something, as they came over the wire."""
        return [name for name in self.proxy.seen if not name.startswith(_READS)]

    def refuse(self, code: str, status: int, *, writes_only: bool = False) -> None:
        """Have all calls, or those that change something, refused."""
        refusal = refused(self.protocol, code, status)

        async def fault(forward: Forward) -> Answer:
            if writes_only and self.proxy.seen[-1].startswith(_READS):
                return await forward()
            return await refusal(forward)

        self.proxy.add(None, fault)


@pytest.fixture(params=sorted(ACTIONS))
async def ground(request: pytest.FixtureRequest, moto: Emulator) -> AsyncIterator[Ground]:
    """Yield the ground of one type."""
    kind = request.param
    async with estate_of(moto) as aws, run_automations() as automations:
        upstream = automations.url if kind == "ssm.start-automation" else moto.endpoint_url
        async with FaultProxy(upstream) as proxy:
            yield Ground(kind, await CASES[kind](aws), proxy, await protocol_of(kind, aws))


async def protocol_of(kind: str, aws: AwsClients) -> str:
    """Return the protocol that the action's first call speaks."""
    client = await aws.client(_SERVICES.get(kind, kind.partition(".")[0]), REGION)
    return str(client.meta.service_model.protocol)


def test_every_action_has_a_case() -> None:
    """The table of cases is the table of actions."""
    assert ACTIONS.keys() == CASES.keys()


async def test_shadow_says_it_and_makes_no_call_that_writes(ground: Ground, tmp_path: Path) -> None:
    """What would be done is told; over the wire there are reads only."""
    clock = HandWound()
    store = await SqliteStore.open(SqliteConfig(path=tmp_path / "state.sqlite"), clock)
    for case in ground.cases:
        options = {"type": ground.kind, "mode": "shadow", **case.options}
        process = Process(ground.proxy.endpoint_url, store, clock, options)
        await process.session.renew()
        result = await process.carry_out(case.event)
        await process.close()

        assert (result.ending, result.changes != ()) == (Ending.WOULD_DO, True)
    await store.close()
    assert ground.writes() == []


async def test_planning_twice_gives_the_same_plan(ground: Ground) -> None:
    """Nothing but the live state and the event decides."""
    for case in ground.cases:
        async with ground.acting(case) as it:
            assert await it.plan(case.event) == await it.plan(case.event)


async def test_it_is_done_verified_and_undone_with_the_permissions_declared(ground: Ground) -> None:
    """Applied it shows, and is not to be done again; undo gives the image before back.  All calls made are declared by
    `permissions`, each part of them, and nothing is declared that no call takes.
    """
    acted: set[str] = set()
    undone: set[str] = set()
    read: set[str] = set()
    for case in ground.cases:
        async with ground.acting(case) as it:
            plan, applied = await carry_out(it, case)
            again = await it.plan(case.event)
            assert not case.settles or (isinstance(again, Declined) and again.reason is Decline.ALREADY_RIGHT)
            acted |= needed(it, case, write=True)
            read |= needed(it, case, write=False)
            it.readers.clear()
            if it.action.undoable:
                await it.undo(case.event, plan, applied)
                undone |= needed(it, case, write=True)
                read |= needed(it, case, write=False)
    permissions = ACTIONS[ground.kind].action.permissions
    assert set(permissions.write) == acted - set(permissions.read)
    assert set(permissions.undo) == undone
    assert set(permissions.read) == read | (acted & set(permissions.read))


async def carry_out(it: Acting, case: Case) -> tuple[Plan, dict[str, object]]:
    """Plan, apply, and look until it shows, as the kernel does."""
    plan = await it.plan(case.event)
    assert isinstance(plan, Plan), plan
    subject = it.action.subject(case.event)
    applied = await it.action.apply(subject, plan, KEY, it.writer(subject))
    for _ in range(_MOST_LOOKS):
        if await it.action.verify(subject, plan, applied, it.reader(subject)) is Verdict.SETTLED:
            return plan, applied
    raise AssertionError(f"{it.action.config.type}: does not show")


def needed(it: Acting, case: Case, *, write: bool) -> set[str]:
    """Return the IAM actions that the calls made need."""
    calls = [call for reader in it.readers for call in reader.calls if call.write is write]
    return {name for call in calls for name in iam_actions(call, versioned=case.versioned)}


async def test_what_is_not_there_is_no_plan_or_a_typed_refusal(ground: Ground) -> None:
    """A resource that does not exist is found missing in planning, or AWS's refusal is for good."""
    for case in ground.cases:
        if case.missing is None:
            continue
        options, event = case.missing
        async with acting(ground.emulator, {"type": ground.kind, **options}) as it:
            plan = await it.plan(event)
            if isinstance(plan, Plan):
                with pytest.raises(PermanentError):
                    await it.action.apply(it.action.subject(event), plan, KEY, it.writer(it.action.subject(event)))
                assert it.written == []
            else:
                assert plan is None or plan.reason is Decline.NOT_FOUND


async def failure(it: Acting, case: Case) -> EffectError:
    """Return what the first call that is made fails with."""
    with pytest.raises(EffectError) as raised:
        await carry_out(it, case)
    return raised.value


@pytest.mark.parametrize(
    ("code", "status", "error", "kind"),
    [
        ("ThrottlingException", 400, RetryableError, FailureKind.THROTTLED),
        ("InternalFailure", 500, RetryableError, FailureKind.SERVER_ERROR),
        ("AccessDenied", 403, PermanentError, FailureKind.ACCESS_DENIED),
    ],
)
async def test_a_call_that_is_refused_is_never_taken_for_an_answer(
    ground: Ground, code: str, status: int, error: type[EffectError], kind: FailureKind
) -> None:
    """Throttled or broken it is unknown and worth repeating, denied it is unknown for good; neither is "fine"."""
    if (ground.protocol, code) == ("rest-xml", "ThrottlingException"):
        code, status = "SlowDown", 503  # what S3 says; without a code where the call was HEAD
    ground.refuse(code, status)
    for case in ground.cases:
        async with ground.acting(case) as it:
            raised = await failure(it, case)

            assert type(raised) is error
            assert raised.kind in ({kind, FailureKind.SERVER_ERROR} if status == 503 else {kind})
            assert it.written == []


async def test_a_role_that_may_read_but_not_write_fails_for_good(ground: Ground) -> None:
    """With reading allowed and writing denied the change fails as denied, and counts as not made."""
    ground.refuse("AccessDenied", 403, writes_only=True)
    for case in ground.cases:
        async with ground.acting(case) as it:
            raised = await failure(it, case)

            assert (type(raised), raised.kind) == (PermanentError, FailureKind.ACCESS_DENIED)
            assert it.written == []


HOSTILE: tuple[object, ...] = (
    "",
    " ",
    "../../etc/passwd",
    "i-0123456789abcdef0;reboot",
    "$(reboot)",
    "{package}",
    "x\ny",
    "\x00",
    "\ud800",
    "a" * 5_000,
    "arn:aws:iam::999999999999:role/theirs",
    "arn:aws:cloudtrail:eu-west-3:999999999999:trail/theirs",
    "arn:aws:kms:eu-west-3:999999999999:key/01234567-89ab-cdef-0123-456789abcdef",
    "http://169.254.169.254/latest",
    7,
    True,
    None,
    [],
    {},
    ["a", 1],
    {"a": "b"},
    ["i-0123456789abcdef0"] * 60,
)
"""What an event may hold where a name is expected."""


async def test_a_forged_name_leads_nowhere_else(ground: Ground) -> None:
    """Whatever stands where the event names something: it is refused, or it is a name in the place where the event's
    own account or the configuration says, and never another account, region, callee, document or set.
    """
    for case in ground.cases:
        async with ground.acting(case) as it:
            honest = it.action.subject(case.event)
            for event in forgeries(case.event):
                try:
                    subject = it.action.subject(event)
                except SubjectError:
                    continue
                assert (subject.account, subject.region) == (honest.account, honest.region)
                assert not any(name.split(":")[4:5] == ["999999999999"] for name in subject.resources)
                if subject.values.get("event") is not None:
                    assert subject.resources == honest.resources


def forgeries(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the event with each of its names replaced by each hostile value."""
    detail = event["detail"]
    for field, value in detail.items():
        for hostile in HOSTILE:
            if isinstance(value, dict):
                for name in value:
                    yield event | {"detail": detail | {field: value | {name: hostile}}}
            yield event | {"detail": detail | {field: hostile}}
    for hostile in HOSTILE:
        yield event | {"detail": hostile}
