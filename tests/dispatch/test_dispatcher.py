from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import web
from pydantic import SecretStr

from daemon.clients import AwsClients, AwsSettings
from daemon.clock import Clock, SystemClock
from daemon.dedupe.claims import Claims
from daemon.dedupe.session import Session
from daemon.dispatch.context import DispatchContext
from daemon.dispatch.dead_letters import DeadLetters, FileDeadLetterConfig, PlaceContext, build_places
from daemon.dispatch.dispatcher import Dispatcher
from daemon.dispatch.notices import Headline
from daemon.dispatch.plan import Match, MatchedRule, Route, plan
from daemon.dispatch.policy import FailureSettings
from daemon.dispatch.self_alerts import SelfAlerts
from daemon.dispatch.targets import SinkTarget
from daemon.event import Event
from daemon.sinks.base import Severity, SinkContext
from daemon.sinks.sns import SnsConfig, SnsSink
from daemon.sinks.webhook import WebhookConfig, WebhookSink
from daemon.state.sqlite import SqliteConfig, SqliteStore
from daemon.target_config import BreakerConfig, RetryConfig
from daemon.telemetry import build_telemetry
from daemon.telemetry.names import Outcome
from tests.clocks import MonotonicByHand
from tests.secret_stores import secrets_of
from tests.servers import Server, serve, silence, status

pytestmark = pytest.mark.anyio

RULE = MatchedRule(Headline("stopped", Severity.HIGH, "An instance stopped."), (Route("hook"),))
RETRY = RetryConfig(max_age_seconds=10, max_attempts=4, base_seconds=0.01, cap_seconds=0.05)


def match(identity: str = "eventbridge:1", order_key: str | None = None) -> Match:
    body = orjson.dumps({"source": "aws.ec2", "id": identity, "detail": {"state": "stopped"}})
    return Match(Event(identity, body, "2026-01-02T03:04:05Z"), (RULE,), order_key)


@asynccontextmanager
async def daemon_process(
    folder: Path, server: Server, session_seconds: float = 1, clock: Clock | None = None, **changes: Any
) -> AsyncIterator[Dispatcher]:
    """Yield the dispatcher of one process; processes that share a folder share its state."""
    clock, rng, telemetry = clock or SystemClock(), random.Random(7), build_telemetry()
    store = await SqliteStore.open(SqliteConfig(path=folder / "state.sqlite"), clock)
    session = Session(store, clock, telemetry, ttl_seconds=session_seconds)
    context, sinks = (
        DispatchContext(telemetry, clock, rng, FailureSettings(), SelfAlerts((), clock)),
        SinkContext(clock, AwsClients(AwsSettings()), secrets_of()),
    )
    places = {"default": FileDeadLetterConfig(path=folder / "dead.ndjson")}
    config = WebhookConfig(type="webhook", url=SecretStr(server.url), **{"retry": RETRY, **changes})
    letters = DeadLetters("default", build_places(places, PlaceContext(sinks.aws, store))["default"], context)
    target = SinkTarget("hook", WebhookSink("hook", config, sinks), config, letters, context)
    await session.renew()
    async with anyio.create_task_group() as group:
        group.start_soon(session.keep, rng)
        yield Dispatcher({"hook": target}, Claims(store, session, clock, 3600), telemetry, clock, rng)
        group.cancel_scope.cancel()
    await target.close()
    await store.close()


async def carry_out(dispatcher: Dispatcher, *matches: Match) -> list[Outcome]:
    outcomes: list[Outcome] = []
    await dispatcher.carry_out(matches, lambda _, outcome: outcomes.append(outcome))
    return outcomes


def keys(server: Server) -> list[str]:
    return [request.headers["Idempotency-Key"] for request in server.requests]


async def test_an_intent_is_done_once(tmp_path: Path) -> None:
    """What has been sent is not sent again, and counts as a duplicate."""
    async with serve() as server, daemon_process(tmp_path, server) as dispatcher:
        assert await carry_out(dispatcher, match()) == [Outcome.MATCHED]
        assert await carry_out(dispatcher, match()) == [Outcome.DUPLICATE]
        assert len(server.requests) == 1


async def test_an_event_twice_in_a_batch_is_sent_once(tmp_path: Path) -> None:
    """The second copy waits for the first one and is a duplicate."""
    async with serve() as server, daemon_process(tmp_path, server) as dispatcher:
        outcomes = await carry_out(dispatcher, match(), match(), match("eventbridge:2"))

        assert sorted(outcomes) == [Outcome.DUPLICATE, Outcome.MATCHED, Outcome.MATCHED]
        assert len(server.requests) == 2


async def test_processes_that_share_state_do_each_intent_once(tmp_path: Path) -> None:
    """Three processes that get the same hundred events at the same time send a hundred alerts."""
    async with (
        serve() as server,
        daemon_process(tmp_path, server) as first,
        daemon_process(tmp_path, server) as second,
        daemon_process(tmp_path, server) as third,
        anyio.create_task_group() as group,
    ):
        matches = [match(f"eventbridge:{number}") for number in range(100)]
        for dispatcher in (first, second, third):
            group.start_soon(carry_out, dispatcher, *matches)

    assert len(keys(server)) == len(set(keys(server))) == 100


async def test_failures_that_may_pass_are_repeated_with_the_same_key(tmp_path: Path) -> None:
    """Two errors of the server and a success: three requests, one key, nothing parked."""
    async with serve(status(500), status(429), status(200)) as server, daemon_process(tmp_path, server) as dispatcher:
        assert await carry_out(dispatcher, match()) == [Outcome.MATCHED]

        assert len(keys(server)) == 3
        assert len(set(keys(server))) == 1
        assert not (tmp_path / "dead.ndjson").exists()


@pytest.mark.parametrize(("code", "reason", "attempts"), [(400, "refused", 1), (500, "server_error", 4)])
async def test_what_fails_for_good_is_parked_whole(tmp_path: Path, code: int, reason: str, attempts: int) -> None:
    """The dead letter has the reason, the attempts and the event; the intent is final."""
    async with serve(status(code)) as server, daemon_process(tmp_path, server) as dispatcher:
        assert await carry_out(dispatcher, match()) == [Outcome.MATCHED]
        assert await carry_out(dispatcher, match()) == [Outcome.DUPLICATE]

        (letter,) = [orjson.loads(line) for line in (tmp_path / "dead.ndjson").read_bytes().splitlines()]
        assert letter["reason"] == reason
        assert letter["attempts"] == attempts == len(server.requests)
        assert letter["event"] == match().event.document()
        assert letter["id"] == keys(server)[0]
        assert (letter["origin"], letter["name"], letter["rule"]) == ("target", "hook", "stopped")


async def test_what_is_missing_in_the_configuration_and_shows_only_at_the_first_call_is_a_failure(
    tmp_path: Path,
) -> None:
    """An AWS profile that does not exist parks the alert with the reason; the daemon lives."""
    async with serve() as server, daemon_process(tmp_path, server) as dispatcher:
        clock, telemetry = SystemClock(), build_telemetry()
        sinks = SinkContext(clock, AwsClients(AwsSettings(profile="missing", region="eu-west-1")), secrets_of())
        topic = SnsConfig(type="sns", topic_arn="arn:aws:sns:eu-west-1:111122223333:alerts", retry=RETRY)
        context = DispatchContext(telemetry, clock, random.Random(7), FailureSettings(), SelfAlerts((), clock))
        place = build_places(
            {"default": FileDeadLetterConfig(path=tmp_path / "dead.ndjson")}, PlaceContext(sinks.aws, None)
        )["default"]
        target = SinkTarget(
            "topic", SnsSink("topic", topic, sinks), topic, DeadLetters("default", place, context), context
        )
        claims = dispatcher.claiming._claims
        other = Dispatcher({"hook": target}, claims, telemetry, clock, random.Random(7))

        assert await carry_out(other, match()) == [Outcome.MATCHED]

    (letter,) = [orjson.loads(line) for line in (tmp_path / "dead.ndjson").read_bytes().splitlines()]
    assert (letter["reason"], letter["attempts"]) == ("credentials", 4)
    assert "missing" in letter["detail"]


async def test_a_stop_gives_claims_back_at_once(tmp_path: Path) -> None:
    """Cancelled in the middle of an attempt, the intent is free for another process without waiting."""
    arrived = anyio.Event()

    async def unanswered(request: web.BaseRequest) -> web.StreamResponse:
        arrived.set()
        return await silence(request)

    async with serve(unanswered, status(200)) as server, daemon_process(tmp_path, server, 60) as stopped:
        async with anyio.create_task_group() as group:
            group.start_soon(carry_out, stopped, match())
            await arrived.wait()
            group.cancel_scope.cancel()
        async with daemon_process(tmp_path, server) as other:
            with anyio.fail_after(30):
                assert await carry_out(other, match()) == [Outcome.MATCHED]

    assert len(keys(server)) == 2
    assert len(set(keys(server))) == 1


async def test_a_dead_process_is_taken_over_from(tmp_path: Path) -> None:
    """What a process claimed and never finished is done by another once the session has lapsed."""
    async with serve() as server, daemon_process(tmp_path, server) as survivor:
        clock = SystemClock()
        store = await SqliteStore.open(SqliteConfig(path=tmp_path / "state.sqlite"), clock)
        dead = Session(store, clock, build_telemetry(), ttl_seconds=1)
        await dead.renew()
        intent = plan(match())[0].id
        await Claims(store, dead, clock, 3600).claim([intent])
        await store.close()

        assert await carry_out(survivor, match()) == [Outcome.MATCHED]
        assert keys(server) == [intent]


async def test_matches_of_one_key_stay_in_order(tmp_path: Path) -> None:
    """A group's second match is sent after its first one was taken, even when that one had to be repeated."""
    async with serve(status(500), status(500), status(200)) as server, daemon_process(tmp_path, server) as dispatcher:
        await carry_out(dispatcher, *(match(f"eventbridge:{number}", order_key="group") for number in range(5)))

        order = list(dict.fromkeys(keys(server)))
        assert len(order) == 5
        assert keys(server) == [order[0]] * 3 + order[1:]


async def test_a_suspended_target_that_nobody_waits_for_holds_up_readiness_until_its_next_try(tmp_path: Path) -> None:
    """A poisonous alert that was parked does not keep daemon and metric saying so until the next alert comes."""
    breaker = BreakerConfig(failures=1, base_seconds=60, cap_seconds=60)
    once = RETRY.model_copy(update={"max_attempts": 1})
    clock = MonotonicByHand()
    async with (
        serve(status(500)) as server,
        daemon_process(tmp_path, server, clock=clock, breaker=breaker, retry=once) as dispatcher,
    ):
        health, metrics = dispatcher._telemetry.health, dispatcher._telemetry.metrics
        health.well("daemon")
        await carry_out(dispatcher, match())
        before = health.ready(), list(metrics.values("target_suspended"))
        clock.time += 60
        after = health.ready(), list(metrics.values("target_suspended"))

    assert before == ((False, "target hook: suspended, server_error: HTTP 500"), [({"target": "hook"}, 1.0)])
    assert after == ((True, "ready"), [({"target": "hook"}, 0.0)])
    assert len(server.requests) == 1, "nothing was sent to find out"
