"""What falls due by itself, where telling of it takes long."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest

from daemon.dispatch.remediation.approvals import Answer
from daemon.event import Event
from daemon.state.sqlite import SqliteStore
from tests.clocks import HandWound
from tests.dispatch.remediation.rig import CLOSING, Process
from tests.dispatch.remediation.test_approvals import record

pytestmark = pytest.mark.anyio


class Waiting(Process):
    """A process whose targets are down until `up` is set."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.up = anyio.Event()
        self.reached = anyio.Semaphore(0)

    async def _announce(self, event: Event, targets: tuple[str, ...], rule: str) -> None:
        self.reached.release()
        await self.up.wait()
        await super()._announce(event, targets, rule)


async def test_answers_that_cannot_be_told_keep_no_other_from_being_carried_out(
    store: SqliteStore, clock: HandWound
) -> None:
    """While the target of sixteen answers is down, the seventeenth is carried out all the same."""
    process = Waiting("http://127.0.0.1:9", store, clock, CLOSING | {"mode": "approve"})
    await process.session.renew()
    for number in range(17):
        asked = msgspec.structs.replace(record(clock).record, intent=f"{number:032}")
        saved = await process.context.records.save(asked, 0, clock.now())
        assert saved is not None
        await process.context.approvals.ask(saved, b"{}")
        await process.context.approvals.answer(asked.intent, Answer.DENIED, "ada")

    async with anyio.create_task_group() as tasks:
        for due in (16, 1):
            tasks.start_soon(process.answered.once)
            for _ in range(due):
                await process.reached.acquire()
        process.up.set()

    assert process.endings() == ["denied"] * 17
    assert [approval async for approval in process.context.approvals.all()] == []
    await process.close()
