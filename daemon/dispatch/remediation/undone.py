"""Tells of what was undone, by people or after its time; see due.py.

Not told where it is undone: `vigild undo` must not wait for a target that is down, nor lose the news by being stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from daemon.dispatch.policy import ACTION_FAILURES
from daemon.dispatch.remediation.due import DueWork
from daemon.dispatch.remediation.result import undone
from daemon.errors import EffectError
from daemon.telemetry.signals import AttemptFailed


class UndoneActions(DueWork):
    """Looks every two seconds for what was undone."""

    name: ClassVar = "undone"
    poll_seconds: ClassVar = 2.0
    table: ClassVar = ACTION_FAILURES

    async def due(self) -> Sequence[str]:
        """See DueWork."""
        return [each.intent for each in await self.context.undone.due()]

    async def carry_out(self, intent: str) -> None:
        """See DueWork."""
        saved = await self.context.records.find(intent)
        if saved is not None:
            await self.tell(saved.record, undone(saved.record))

    async def give_up(self, intent: str, error: EffectError) -> None:
        """See DueWork: nothing says any longer whose it was."""
        self.context.telemetry.emit(AttemptFailed(self.name, intent, error.kind, error.detail, 0, None))

    async def forget(self, intent: str) -> None:
        """See DueWork."""
        await self.context.undone.forget(intent)
