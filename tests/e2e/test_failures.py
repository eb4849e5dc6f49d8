"""Targets that fail, from the outside: a real daemon between an emulated queue and a webhook that refuses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import orjson
import pytest
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.failures import configuration, depth, event, lines, queue_of, until
from tests.e2e.processes import run_daemon
from tests.emulators import Emulator
from tests.servers import Server, serve, status

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180)]


def delivered(server: Server) -> set[str]:
    return {request.headers["Idempotency-Key"] for request in server.requests}


async def test_a_target_that_denies_access_is_left_alone_told_of_once_and_tried(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """Calls stop, one alert goes to those who are to know, messages wait; once allowed, everything arrives."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"denied-{tmp_path.name}", *map(event, range(20)))
    async with serve(status(403)) as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        with run_daemon(tmp_path, config) as process:
            await until(process, lambda: process.metric("vigild_target_suspended", target="hook") == 1, "suspended")
            await until(process, lambda: lines(tmp_path / "pager.ndjson"), "told")
            await until(process, lambda: lines(tmp_path / "own.ndjson"), "told by a rule")
            before = len(server.requests)
            await anyio.sleep(4)
            tries = len(server.requests) - before
            ready, why = await to_thread.run_sync(process.fetch, "/readyz")
            waiting = await depth(client, queue)

            server.answers[:] = [status(200)]
            await until(
                process, lambda: process.metric("vigild_intents_total", target="hook", outcome="done") == 20, "all"
            )
            await until(process, lambda: process.fetch("/readyz")[0] == 200, "ready")
            assert process.metric("vigild_target_suspended", target="hook") == 0
            assert await to_thread.run_sync(process.stop) == 0

    assert 1 <= tries <= 8, "only tries, each at least half a second after the last"
    assert (ready, why.strip()) == (503, "target hook: suspended, access_denied: HTTP 403")
    assert waiting == (0, 20)
    assert await depth(client, queue) == (0, 0)
    assert lines(tmp_path / "dead.ndjson") == []
    (alert,), (own,) = lines(tmp_path / "pager.ndjson"), lines(tmp_path / "own.ndjson")
    assert (alert["rule"], alert["severity"]) == ("vigild-target-suspended", "critical")
    assert alert["event"]["detail"] == {"target": "hook", "kind": "access_denied", "detail": "HTTP 403"}
    assert (own["rule"], own["event"]) == ("told", alert["event"])


@pytest.mark.parametrize(("code", "reason"), [(503, "server_error"), (403, "access_denied")])
async def test_intents_are_parked_while_a_target_is_suspended_if_so_configured(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients, code: int, reason: str
) -> None:
    """Nothing waits for it: each event is parked with the reason, and its message is acknowledged."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"parked-{tmp_path.name}", *map(event, range(20)))
    async with serve(status(code)) as server:
        hook = {"breaker": {"failures": 3, "base_seconds": 60, "when_open": "park"}}
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url, hook=hook)
        with run_daemon(tmp_path, config) as process:
            await until(process, lambda: len(lines(tmp_path / "dead.ndjson")) == 20, "parked")
            while await depth(client, queue) != (0, 0):  # noqa: ASYNC110 - another process empties it
                await anyio.sleep(0.1)
            assert await to_thread.run_sync(process.stop) == 0

    letters = lines(tmp_path / "dead.ndjson")
    assert {letter["reason"] for letter in letters} == {reason}
    assert sum(letter.get("attempts", 0) for letter in letters) == len(server.requests)
    assert {letter["event"]["id"] for letter in letters} == {str(UUID(int=number)) for number in range(20)}
    assert len(server.requests) <= 10, "two that failed before, and eight that were under way when the third one did"


async def test_events_that_poison_a_target_do_not_keep_others_from_it(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """More events that it fails on for ever than it may have under way at once: all others arrive all the same."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"poison-{tmp_path.name}", *map(event, range(40)))
    poison = {str(UUID(int=number)) for number in range(0, 40, 4)}

    async def answer(request: Any) -> Any:
        body = orjson.loads(await request.read())
        return await status(500 if body["event"]["id"] in poison else 200)(request)

    async with serve(answer) as server:
        hook = {"max_concurrency": 2, "breaker": {"failures": 5, "base_seconds": 0.2, "cap_seconds": 0.5}}
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url, hook=hook)
        with run_daemon(tmp_path, config) as process:
            await until(
                process, lambda: process.metric("vigild_intents_total", outcome="done", target="hook") == 30, "30"
            )
            assert process.metric("vigild_intents_total", outcome="parked") == 0
            assert await to_thread.run_sync(process.stop) == 0

    assert len(delivered(server)) == 40


async def test_the_policy_of_a_kind_is_what_happens(tmp_path: Path, roto: Emulator, roto_clients: AwsClients) -> None:
    """What is refused and what cannot be read is dropped with a count where the configuration says so."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"policy-{tmp_path.name}", event(1), "{", event(2), "not json")
    async with serve(status(400)) as server:
        failures = {"target_rejects": {"do": "drop"}, "undecodable": {"do": "drop"}}
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url, failures=failures)
        with run_daemon(tmp_path, config) as process:
            await until(process, lambda: process.metric("vigild_intents_total", outcome="dropped") == 2, "dropped")
            await until(process, lambda: process.metric("vigild_rejections_dropped_total") == 2, "dropped unread")
            assert process.metric("vigild_events_settled_total", outcome="rejected") == 2
            assert process.metric("vigild_events_settled_total", outcome="matched") == 2
            assert await to_thread.run_sync(process.stop) == 0

    assert lines(tmp_path / "dead.ndjson") == []
    assert await depth(client, queue) == (0, 0)


async def test_an_unreadable_message_goes_back_as_often_as_configured(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """With retry it is given back to its queue, and parked at the delivery that uses up the attempts."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"again-{tmp_path.name}", "{")
    async with serve() as server:
        failures = {"undecodable": {"do": "retry", "max_attempts": 3}}
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url, failures=failures)
        with run_daemon(tmp_path, config) as process:
            await until(process, lambda: lines(tmp_path / "dead.ndjson"), "parked")
            assert process.metric("vigild_deliveries_received_total") == 3
            assert await to_thread.run_sync(process.stop) == 0

    (letter,) = lines(tmp_path / "dead.ndjson")
    assert letter["attempts"] == 3


async def test_a_place_that_takes_no_letters_holds_its_messages_and_says_so(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """Unready with the reason while the queue for dead letters is missing; once it is there, all is parked."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"unparked-{tmp_path.name}", "{", event(1))
    missing = await queue_of(client, f"missing-{tmp_path.name}")
    await client.delete_queue(QueueUrl=missing)
    async with serve(status(400)) as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        config["dead_letters"] = {"default": {"type": "sqs", "queue_url": missing}}
        with run_daemon(tmp_path, config) as process:
            await until(process, lambda: "dead letters default: not_found" in process.fetch("/readyz")[1], "unready")
            assert await depth(client, queue) == (0, 2)
            await queue_of(client, f"missing-{tmp_path.name}")
            await until(process, lambda: process.metric("vigild_dead_letters_total", place="default") == 2, "parked")
            await until(process, lambda: process.fetch("/readyz")[0] == 200, "ready")
            assert await to_thread.run_sync(process.stop) == 0

    assert await depth(client, missing) == (2, 0)
    assert await depth(client, queue) == (0, 0)
