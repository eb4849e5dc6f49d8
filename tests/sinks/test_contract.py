"""What every sink keeps, against the real thing behind it."""

from __future__ import annotations

import json
from dataclasses import replace

import anyio
import pytest

from daemon.sinks.base import Notice, Sink
from daemon.sinks.text import PLAIN_TEXT
from tests.sinks.examples import EVENT, HOSTILE_EVENT, notice
from tests.sinks.rigs import Rig

pytestmark = pytest.mark.anyio


async def test_a_notice_arrives(rig: Rig) -> None:
    """What is sent arrives once, whole, with the key by which a copy is recognised."""
    sent = notice()
    await rig.sink.send(sent)
    bodies = await rig.arrived()
    assert [json.loads(body) for body in bodies] == [json.loads(sent.body)]
    assert json.loads(bodies[0])["key"] == sent.key


async def test_hostile_text_arrives_as_data(rig: Rig) -> None:
    """Markup, line ends, mentions, terminal codes, half surrogate pairs come out as the same JSON values."""
    sent = notice(HOSTILE_EVENT, description="<b>bold</b>\x1b[31m\r\nred \u202e")
    await rig.sink.send(sent)
    assert [json.loads(body) for body in await rig.arrived()] == [json.loads(sent.body)]


async def test_bytes_that_are_not_utf8_do_not_stop_a_notice(rig: Rig) -> None:
    """An event with a broken byte where no rule looked is reported all the same."""
    sent = notice(EVENT.replace(b"running", b"run\xffning"))
    await rig.sink.send(sent)
    (body,) = await rig.arrived()
    assert json.loads(body)["event"]["detail"]["state"] == "run\ufffdning"


async def test_text_arrives(rig: Rig) -> None:
    """A body of text, several lines long, arrives as it is or as a JSON string."""
    text = 'line one\nline "two" \u20ac'
    await rig.sink.send(replace(notice(), body=text.encode(), content_type=PLAIN_TEXT))
    (body,) = await rig.arrived()
    assert text in {body, json.loads(body)["text"] if body.startswith("{") else ""}


async def test_concurrent_notices_all_arrive(rig: Rig) -> None:
    """Twenty notices sent at the same time arrive once each."""
    sent = [notice() for _ in range(20)]
    async with anyio.create_task_group() as group:
        for each in sent:
            group.start_soon(rig.sink.send, each)
    keys = [json.loads(body)["key"] for body in await rig.arrived()]
    assert sorted(keys) == sorted(each.key for each in sent)


async def test_a_copy_has_the_same_key(rig: Rig) -> None:
    """After a crash the same notice is sent again: taken, and recognisable."""
    sent = notice()
    await rig.sink.send(sent)
    await rig.sink.send(sent)
    assert {json.loads(body)["key"] for body in await rig.arrived()} == {sent.key}


async def test_cancelling_leaves_the_sink_usable(rig: Rig) -> None:
    """Wherever a send is cancelled, the next ones arrive."""
    for checkpoints in range(12):
        await _cancel_after(checkpoints, rig.sink, notice())
    sent = notice()
    await rig.sink.send(sent)
    assert sent.key in {json.loads(body)["key"] for body in await rig.arrived()}


async def _cancel_after(checkpoints: int, sink: Sink, sent: Notice) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(sink.send, sent)
        for _ in range(checkpoints):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()


async def test_check_sends_nothing(rig: Rig) -> None:
    """A check says in one line what is there, and nothing arrives."""
    line = await rig.sink.check()
    assert line.strip()
    assert "\n" not in line
    assert await rig.arrived() == []


async def test_a_closed_sink_opens_again(rig: Rig) -> None:
    """Closing is not the end: opened again, a sink sends."""
    await rig.sink.close()
    await rig.sink.open()
    sent = notice()
    await rig.sink.send(sent)
    assert [json.loads(body)["key"] for body in await rig.arrived()] == [sent.key]
