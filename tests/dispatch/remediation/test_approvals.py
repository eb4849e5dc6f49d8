"""Requests for approval: answered once, in time, and only by a genuine link."""

from __future__ import annotations

import pytest
from pydantic import HttpUrl, SecretStr, ValidationError

from daemon.actions.base import Plan
from daemon.actions.config import Mode
from daemon.actions.subject import Subject
from daemon.clients import AwsClients, Secrets
from daemon.dispatch.remediation.approvals import Answer, ApprovalError, Approvals, ApprovalSettings
from daemon.dispatch.remediation.aside import Aside
from daemon.dispatch.remediation.record import Progress, Record, Saved
from daemon.errors import RetryableError
from daemon.state.sqlite import SqliteStore
from daemon.telemetry import build_telemetry
from tests.clocks import HandWound
from tests.secret_stores import keep_secret, secrets_of

pytestmark = pytest.mark.anyio

SETTINGS = ApprovalSettings(secret=SecretStr("s" * 32), link_base=HttpUrl("https://vigild.example/"))


def approvals_of(
    store: SqliteStore, clock: HandWound, settings: ApprovalSettings = SETTINGS, secrets: Secrets | None = None
) -> Approvals:
    """Return the requests for approval in a store."""
    return Approvals(store, clock, settings, secrets or secrets_of(), Aside(store, build_telemetry(), clock))


def record(clock: HandWound, summary: str = "close it") -> Saved:
    plan = Plan(summary=summary, changes=(), before={"open": True}, after={"open": False})
    return Saved(
        Record(
            intent="i" * 32,
            rule="rule",
            action="close",
            kind="ec2.restrict-ingress",
            mode=Mode.APPROVE,
            event="e",
            subject=Subject("111122223333", "eu-west-1", ("sg-1",)),
            plan=plan,
            before=plan.before,
            progress=Progress.WAITING,
            deadline=clock.time + 60,
        ),
        1,
    )


async def test_an_answer_counts_once(store: SqliteStore, clock: HandWound) -> None:
    """The first answer stands; the second, whatever it says, is refused and names the first."""
    approvals = approvals_of(store, clock)
    await approvals.ask(record(clock), b"{}")
    await approvals.answer("i" * 32, Answer.APPROVED, "ada")

    with pytest.raises(ApprovalError, match="approved by ada already"):
        await approvals.answer("i" * 32, Answer.DENIED, "eve")
    assert [approval.answer async for approval in approvals.all()] == [Answer.APPROVED]


async def test_asking_again_keeps_the_answer(store: SqliteStore, clock: HandWound) -> None:
    """A repeat after a crash does not put an answered plan up again."""
    approvals = approvals_of(store, clock)
    await approvals.ask(record(clock), b"{}")
    await approvals.answer("i" * 32, Answer.DENIED, "ada")
    await approvals.ask(record(clock), b"{}")

    assert [approval.answer async for approval in approvals.all()] == [Answer.DENIED]


async def test_an_answer_after_the_deadline_is_refused(store: SqliteStore, clock: HandWound) -> None:
    """Once its time is over a plan can be neither approved nor denied."""
    approvals = approvals_of(store, clock)
    await approvals.ask(record(clock), b"{}")
    clock.time += 60

    with pytest.raises(ApprovalError, match="the time for approval is over"):
        await approvals.answer("i" * 32, Answer.APPROVED, "ada")


async def test_a_link_is_bound_to_the_plan(store: SqliteStore, clock: HandWound) -> None:
    """The token of one plan does not answer another, and a made-up one none; the genuine one does."""
    approvals = approvals_of(store, clock)
    other = await approvals.ask(record(clock, "another"), b"{}")
    await approvals.forget("i" * 32)
    ours = await approvals.ask(record(clock), b"{}")
    assert (other.approve_url or "").startswith("https://vigild.example/approvals/")

    for token in ((other.approve_url or "").partition("token=")[2], "", "\ud800", "0" * 64):
        with pytest.raises(ApprovalError, match="not genuine"):
            await approvals.answer("i" * 32, Answer.APPROVED, "link", token)
    genuine = (ours.approve_url or "").partition("token=")[2]
    assert Answer.APPROVED is (await approvals.answer("i" * 32, Answer.APPROVED, "link", genuine)).answer


async def test_without_a_secret_there_are_no_links(store: SqliteStore, clock: HandWound) -> None:
    """Alerts carry no link, and no token is genuine."""
    approvals = approvals_of(store, clock, ApprovalSettings(link_base=HttpUrl("https://vigild.example")))
    result = await approvals.ask(record(clock), b"{}")

    assert result.approve_url is None
    with pytest.raises(ApprovalError, match="not genuine"):
        await approvals.answer("i" * 32, Answer.APPROVED, "link", "")


def test_a_short_secret_is_refused_without_quoting_it() -> None:
    """The error of a secret that is too short does not show it."""
    with pytest.raises(ValidationError) as raised:
        ApprovalSettings.model_validate({"secret": "hunter2"})
    assert "hunter2" not in str(raised.value)


async def test_the_secret_may_be_kept_by_aws(store: SqliteStore, clock: HandWound, moto_clients: AwsClients) -> None:
    """Links signed with it are genuine; one that is too short to be safe signs nothing."""
    kept = {length: await keep_secret(moto_clients, "s" * length) for length in (32, 31)}

    def of(length: int) -> Approvals:
        settings = ApprovalSettings(secret=SecretStr(f"aws-secret:{kept[length]}"), link_base=SETTINGS.link_base)
        return approvals_of(store, clock, settings, secrets_of(moto_clients, clock))

    result = await of(32).ask(record(clock), b"{}")
    assert result.approve_url is not None
    asked = await of(32).pending("i" * 32, result.approve_url.partition("token=")[2])
    assert asked.intent == "i" * 32
    with pytest.raises(RetryableError, match="shorter than 32"):
        await of(31).check()
