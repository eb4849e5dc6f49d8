"""What the commands of dead_letters.py stand on: places opened, a redriver built, and lines for people."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import anyio

from daemon.assembly import assemble
from daemon.clients import AwsClients
from daemon.clock import SystemClock
from daemon.dispatch.dead_letters import DeadLetter, DeadLetterPlace, PlaceContext, build_places
from daemon.errors import VigildError
from daemon.pipeline.redrive import Redriver
from daemon.settings import Settings
from daemon.sinks.text import printable
from daemon.state import open_store
from daemon.target_config import RetryConfig, WhenOpen, WhenStateIsAway
from daemon.telemetry import build_telemetry

T = TypeVar("T")

_ATTEMPTS = 3
_PATIENCE = RetryConfig(max_attempts=_ATTEMPTS, max_age_seconds=60.0, cap_seconds=5.0)
"""A person waits for the end of a redrive, and the letter waits where it is."""
_CLOSE_SECONDS = 3.0
_COLUMNS = "{:<20}  {:<12}  {:<32}  {:<16}  {:<24}  {:<16}  {:>8}  {}"


@asynccontextmanager
async def open_places(settings: Settings, names: list[str]) -> AsyncIterator[dict[str, DeadLetterPlace]]:
    """Open these places, and the state store where one of them lies in it."""
    configs = {name: settings.dead_letters[name] for name in names}
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        aws = AwsClients(settings.aws, clock=clock)
        stack.push_async_callback(aws.close)
        store = None
        if any(config.type == "state" for config in configs.values()):
            store = await open_store(settings.state, aws, clock, random.Random())
            stack.push_async_callback(store.close)
        places = build_places(configs, PlaceContext(aws, store))
        for place in places.values():
            stack.push_async_callback(place.close)
        yield places


async def with_redriver(
    settings: Settings, rate: float, work: Callable[[Redriver, dict[str, DeadLetterPlace]], Awaitable[T]]
) -> T:
    """Do the work with a daemon without sources and with little patience, present to those that share its state."""
    clock, rng = SystemClock(), random.Random()
    telemetry = build_telemetry(settings.telemetry.log_format, settings.telemetry.log_level, clock)
    lying: set[str] = set()
    async with assemble(_impatient(settings), telemetry, clock, rng, lying) as parts:
        await parts.session.renew()
        pipeline = parts.pipeline
        redriver = Redriver(pipeline.sieve, pipeline.dispatcher, lying, rate, clock)
        try:
            return await _beside(lambda: parts.session.keep(rng), lambda: work(redriver, parts.places))
        finally:
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await parts.session.end()


async def _beside(background: Callable[[], Coroutine[Any, Any, None]], work: Callable[[], Awaitable[T]]) -> T:
    """Do the work while something else runs; raise what the work raises as it is, not in a group."""
    outcome: list[T] = []
    failure: VigildError | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(background)
        try:
            outcome.append(await work())
        except VigildError as error:
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return outcome[0]


def _impatient(settings: Settings) -> Settings:
    targets = {
        name: config.model_copy(
            update={
                "retry": _PATIENCE,
                "breaker": config.breaker.model_copy(update={"when_open": WhenOpen.PARK}),
                "when_state_is_away": WhenStateIsAway.WAIT,
            }
        )
        for name, config in settings.targets.items()
    }
    actions = {name: config.model_copy(update={"retry": _PATIENCE}) for name, config in settings.actions.items()}
    return settings.model_copy(update={"sources": {}, "targets": targets, "actions": actions})


def heading() -> str:
    """Return the heading over letter lines."""
    return _COLUMNS.format("parked at", "place", "id", "from", "rule", "reason", "attempts", "detail")


def letter_line(place: str, letter: DeadLetter) -> str:
    """Return one line about a letter; nothing in it acts on a terminal."""
    parked_at = datetime.fromtimestamp(letter.parked_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    columns = (parked_at, place, letter.id, letter.name, letter.rule or "-", letter.reason, letter.attempts)
    return printable(_COLUMNS.format(*columns, letter.detail))


def said(counts: Counter[str], what: str) -> str:
    """Return "3 letters: 2 this, 1 that"."""
    parts = ", ".join(f"{count} {word}" for word, count in counts.most_common())
    return f"{counts.total()} {what}" + (f": {parts}" if parts else "")
