"""The sinks for chats and pagers, over HTTP on loopback: what arrives, what failures mean, what text cannot do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import EffectError
from daemon.sinks.base import Sink
from tests.servers import Answer, Server, cut, garbage, serve, status
from tests.sinks.examples import HOSTILE_EVENT, notice
from tests.sinks.rigs import build_sink
from tests.sinks.services import SERVICES

pytestmark = pytest.mark.anyio

PATHS = {"alertmanager": "/api/v2/alerts", "opsgenie": "/v2/alerts"}


@asynccontextmanager
async def service(kind: str, *answers: Answer, **options: Any) -> AsyncIterator[tuple[Sink, Server]]:
    """Yield the sink, open, and the server behind it."""
    async with serve(*answers) as server:
        sink = build_sink(AwsClients(AwsSettings()), {"type": kind, "url": server.url, **SERVICES[kind], **options})
        await sink.open()
        yield sink, server
        await sink.close()


def said(server: Server) -> str:
    """Return the body of the one request."""
    (request,) = server.requests
    return request.body.decode()


@pytest.mark.parametrize("kind", SERVICES)
async def test_an_alert_arrives_with_its_key(kind: str) -> None:
    """One POST to the service's path, as JSON, with headline, description and idempotency key in it."""
    sent = notice(description="Somebody stopped it.")
    async with service(kind, status(202)) as (sink, server):
        await sink.send(sent)
        (request,) = server.requests

        assert ("POST", PATHS.get(kind, "/")) == (request.method, request.path)
        assert request.headers["Content-Type"] == "application/json"
        assert all(text in said(server) for text in (sent.key, sent.rule, "Somebody stopped it."))


@pytest.mark.parametrize("answer", [status(401), status(302, {"Location": "http://127.0.0.1:1/"}), cut, garbage])
@pytest.mark.parametrize("kind", SERVICES)
async def test_no_secret_is_told(kind: str, answer: Answer) -> None:
    """However a service fails, the error holds no key and no URL; no redirect takes them elsewhere."""
    async with service(kind, answer) as (sink, server):
        with pytest.raises(EffectError) as raised:
            await sink.send(notice())

    told = f"{raised.value!r} {raised.value.__cause__!r}"
    assert not any(secret in told for secret in ("k" * 36, "r" * 32, server.url))


@pytest.mark.parametrize("kind", SERVICES)
async def test_text_that_is_too_long_is_cut(kind: str) -> None:
    """A megabyte of event and a long description make a message of the size that the service takes."""
    body = json.dumps({"source": "x", "id": "1", "detail": {"text": '<&"\n' * 200_000}}).encode()
    sent = replace(notice(body, description="d" * 50_000), subject="s" * 99)
    async with service(kind) as (sink, server):
        await sink.send(sent)

        assert {"alertmanager": 70_000, "opsgenie": 40_000, "pagerduty": 500_000, "slack": 25_000, "teams": 150_000}[
            kind
        ] > len(said(server))


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize(
    "body",
    [
        HOSTILE_EVENT,
        b'{"detail":{"x":"run\xffning"}}',
        b'{"a":' * 400 + b"1" + b"}" * 400,
        b'{"detail":{"x":"\\ud800"}}',
        b"null",
    ],
)
async def test_any_event_can_be_told(kind: str, body: bytes) -> None:
    """Markup, broken bytes, deep nesting, half a surrogate pair: what arrives is JSON, whatever the event."""
    async with service(kind) as (sink, server):
        await sink.send(notice(body))

        assert json.loads(said(server))


async def test_no_text_is_markup_for_slack() -> None:
    """Mentions, links and the end of the block of code arrive as text."""
    event = json.dumps({"detail": {"x": "<!channel> <https://evil.example|click> ``` *bold*"}}).encode()
    async with service("slack") as (sink, server):
        await sink.send(notice(event, description="<@U1> & ```"))
        blocks = json.loads(said(server))["blocks"]

    texts = [block["text"]["text"] for block in blocks if block["type"] == "section" and "text" in block]
    assert not any("<" in text or ">" in text for text in texts)
    assert texts[1].count("```") == 2


async def test_teams_gets_rich_text_only() -> None:
    """Every block is of the kind in which Teams reads no Markdown."""
    async with service("teams") as (sink, server):
        await sink.send(notice(HOSTILE_EVENT, description="[click](https://evil.example) <at>all</at>"))
        (attachment,) = json.loads(said(server))["attachments"]

    assert {"RichTextBlock"} == {block["type"] for block in attachment["content"]["body"]}


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
async def test_alerts_of_one_incident_open_and_close_it(kind: str) -> None:
    """With the paths given, two alerts of one alarm have one key, and the one that says OK closes it."""
    options = {"incident": "$.detail.alarmName", "resolved_at": "$.detail.state.value"}

    def alarm(state: str, name: str = "cpu") -> bytes:
        return json.dumps({"detail": {"alarmName": name, "state": {"value": state}}}).encode()

    async with service(kind, status(202), **options) as (sink, server):
        for body in (alarm("ALARM"), alarm("OK"), alarm("ALARM", "disk")):
            await sink.send(notice(body))
        requests = [(request.path, json.loads(request.body)) for request in server.requests]

    if kind == "pagerduty":
        keys = [body["dedup_key"] for _, body in requests]
        assert [body["event_action"] for _, body in requests] == ["trigger", "resolve", "trigger"]
    else:
        keys = [requests[0][1]["alias"], unquote(requests[1][0].split("/")[3]), requests[2][1]["alias"]]
        assert requests[1][0].endswith("/close?identifierType=alias")
    assert keys[0] == keys[1] != keys[2]


async def test_without_a_path_each_alert_is_an_incident() -> None:
    """A repeat of one alert has its key, another alert another."""
    first, second = notice(), notice()
    async with service("pagerduty", status(202)) as (sink, server):
        for each in (first, first, second):
            await sink.send(each)
        keys = [json.loads(request.body)["dedup_key"] for request in server.requests]

    assert [first.key, first.key, second.key] == keys
