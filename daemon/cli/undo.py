"""`vigild undo`: puts back what an action changed, from its before-image."""

from __future__ import annotations

import typer

from daemon.assembly import Parts
from daemon.cli.options import ConfigOption
from daemon.cli.remediation import ByOption, IntentArgument, person, with_parts
from daemon.dispatch.remediation.undo import undo as undo_action


def undo(intent: IntentArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Undo what was done on an intent, where the state still is what the action left.

    Exit code 2 where it cannot be undone, with the reason.
    """
    who = person(by)

    async def work(parts: Parts) -> str:
        remediation = parts.remediation
        return await undo_action(intent, remediation.kernels, remediation.estate, remediation.context, who)

    typer.echo(f"undone: {with_parts(config, work)}")
