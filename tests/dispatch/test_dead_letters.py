"""Dead letters of events that are laid out, broken or forbidden in ways no place would take as they are."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import msgspec
import pytest

from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.dispatch.dead_letters import (
    DeadLetter,
    FileDeadLetterConfig,
    FileDeadLetters,
    QueueDeadLetterConfig,
    QueueDeadLetters,
)
from daemon.sinks.base import SinkContext
from tests.sinks.rigs import drain, make_queue

pytestmark = pytest.mark.anyio

EVENT = '{\n  "detail": {\r\n\t"state": "\uffff \ufffe \x7f \u2028 '.encode() + b'\xff"}\n}'
LETTER = DeadLetter(
    id="file:/var/log/caf\u00e9 events.ndjson:0" + "x" * 200,
    parked_at=0.0,
    origin="target",
    name="alerts",
    reason="refused",
    detail="HTTP 400",
    event=msgspec.Raw(EVENT),
)
STATE = "\uffff \ufffe \x7f \u2028 \ufffd"


async def test_a_file_keeps_one_line_for_each(tmp_path: Path) -> None:
    """An event laid out over several lines becomes one."""
    place = FileDeadLetters(FileDeadLetterConfig(path=tmp_path / "letters"))
    await place.park(LETTER)
    await place.park(LETTER)
    lines = (await anyio.Path(tmp_path / "letters").read_text(encoding="utf-8")).split("\n")
    assert [json.loads(line)["event"]["detail"]["state"] for line in lines[:-1]] == [STATE, STATE]


@pytest.mark.parametrize("fifo", [False, True])
async def test_a_queue_takes_any_letter(roto_clients: AwsClients, tmp_path: Path, *, fifo: bool) -> None:
    """Characters that SQS refuses in messages, and identities that it refuses as ids, do not stop a letter."""
    url = await make_queue(roto_clients, fifo=fifo)
    spare = FileDeadLetters(FileDeadLetterConfig(path=tmp_path / "spare"))
    context = SinkContext(clock=SystemClock(), aws=roto_clients)
    place = QueueDeadLetters(QueueDeadLetterConfig(type="sqs", queue_url=url), context, spare)
    await place.park(LETTER)
    (message,) = await drain(roto_clients, url)
    assert json.loads(message["Body"])["event"]["detail"]["state"] == STATE
