"""`vigild approvals`, `approve`, `deny`: what waits for a person, and the answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import typer

from daemon.assembly import Parts
from daemon.cli.options import ConfigOption, JsonOption
from daemon.cli.remediation import ByOption, IntentArgument, looked_in, person, with_parts
from daemon.dispatch.remediation.approvals import Answer
from daemon.dispatch.remediation.result import difference
from daemon.errors import PermanentError
from daemon.journal import Entry
from daemon.settings import Settings


def approvals(as_json: JsonOption = False, config: ConfigOption = None) -> None:  # noqa: FBT002 - typer's option
    """List the plans that wait for approval, each with what it would change.  Exit code 1 when none waits."""

    async def work(parts: Parts) -> Settings | None:
        return None if await _list(parts, as_json=as_json) else parts.settings

    if (settings := with_parts(config, work)) is not None:
        typer.echo(f"nothing waits for approval in {looked_in(settings, config)}", err=as_json)
        raise typer.Exit(1)


async def _list(parts: Parts, *, as_json: bool) -> int:
    waiting = 0
    context = parts.remediation.context
    async for approval in context.approvals.all():
        if approval.answer is not Answer.PENDING:
            continue
        try:
            saved = await context.records.find(approval.intent)
        except PermanentError as error:
            typer.echo(f"vigild: {error.detail}", err=True)
            continue
        if saved is None:
            continue
        waiting += 1
        until = datetime.fromtimestamp(approval.deadline, UTC).isoformat(timespec="seconds")
        record = saved.record
        if as_json:
            waits = {"intent": approval.intent, "until": until, "rule": record.rule, "action": record.action}
            plan = {"kind": record.kind, "summary": record.plan.summary, "changes": record.plan.changes}
            typer.echo(msgspec.json.encode(waits | plan))
            continue
        typer.echo(f"{approval.intent}  until {until}  {record.rule} → {record.action} ({record.kind})")
        typer.echo(f"  {record.plan.summary}")
        for line in difference(record.plan.changes):
            typer.echo(f"  {line}")
    return waiting


def approve(intent: IntentArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Approve a plan: a running daemon carries it out, if the live state still is what the plan was made from."""
    _answer(config, intent, Answer.APPROVED, person(by))


def deny(intent: IntentArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Deny a plan: it will not be carried out."""
    _answer(config, intent, Answer.DENIED, person(by))


def _answer(config: Path | None, intent: str, answer: Answer, by: str) -> None:
    async def work(parts: Parts) -> None:
        context = parts.remediation.context
        await context.approvals.answer(intent, answer, by)
        await context.journal.append(Entry(at=context.clock.now(), step=answer, intent=intent, by=by))

    with_parts(config, work)
    typer.echo(f"{intent}: {answer} by {by}")
