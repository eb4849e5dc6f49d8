"""A target: what intents are delivered to.  dispatcher.py delivers; SinkTarget sends alerts to a sink."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

from daemon.dispatch.alerts.note import incident_of_note
from daemon.dispatch.breaker import Breaker
from daemon.dispatch.context import DispatchContext
from daemon.dispatch.dead_letters import DeadLetters
from daemon.dispatch.executor import Ended, Executor
from daemon.dispatch.notices import build_notice
from daemon.dispatch.parking import Parking
from daemon.dispatch.plan import Intent
from daemon.dispatch.policy import ALERT_FAILURES
from daemon.dispatch.suspension import Suspension
from daemon.sinks.base import Notice, Sink, SinkConfig
from daemon.target_config import WhenStateIsAway
from daemon.telemetry.names import IntentOutcome

Held = Callable[[], Awaitable[bool]]
"""Whether the claim on the intent surely is ours still."""
Confirm = Callable[[IntentOutcome], Awaitable[None]]
"""Records that the intent is final."""


class Target(Protocol):
    """Delivers intents, concurrently.  Alerts are sent, actions looked at, planned, applied."""

    name: str
    proceeds_without_state: bool
    """Whether it is sent what cannot be claimed because the state store is away."""

    async def deliver(self, intent: Intent, still_held: Held, confirm: Confirm) -> Ended:
        """Bring the intent to its end and confirm it.

        still_held is asked before every attempt; raises ClaimLost (executor.py) when it says no.
        """

    async def check(self) -> str:
        """Reach what it acts on without changing anything, for `vigild check`.  Raises EffectError."""

    async def close(self) -> None:
        """Let go of everything."""


class SinkTarget:
    """A sink as a target of rules."""

    def __init__(
        self, name: str, sink: Sink, config: SinkConfig, dead_letters: DeadLetters, context: DispatchContext
    ) -> None:
        self.name = name
        self.proceeds_without_state = config.when_state_is_away is WhenStateIsAway.PROCEED
        self._sink = sink
        self._clock = context.clock
        suspension = Suspension(name, config.breaker.alert_after_seconds, context)
        breaker = Breaker(
            config.breaker,
            context.clock,
            context.rng,
            lambda cause: suspension.changed(cause, lambda: breaker.stands),
        )
        parking = Parking(name, ALERT_FAILURES, dead_letters, context)
        self._executor = Executor(name, config, ALERT_FAILURES, parking, context, breaker)
        self._opening = anyio.Lock()
        self._open = False

    async def deliver(self, intent: Intent, still_held: Held, confirm: Confirm) -> Ended:
        """See Target: sent with retry until taken (DONE), else parked or dropped."""
        received_at = self._clock.now()
        notice: Notice | None = None

        async def attempt() -> IntentOutcome:
            nonlocal notice
            if notice is None:
                # Once: copies of an alert are equal byte for byte, however often it is sent.
                rule, route = intent.rule, intent.route
                built = build_notice(intent.id, rule.headline, intent.event, received_at, route.transformer)
                notice = dataclasses.replace(built, incident=incident_of_note(intent.event))
            await self._ensure_open()
            await self._sink.send(notice)
            return IntentOutcome.DONE

        return await self._executor.execute(intent, still_held, attempt, lambda ended: confirm(ended.outcome))

    async def check(self) -> str:
        """See Target."""
        return await self._sink.check()

    async def close(self) -> None:
        """See Target."""
        await self._sink.close()

    async def _ensure_open(self) -> None:
        async with self._opening:
            if not self._open:
                await self._sink.open()
                self._open = True
