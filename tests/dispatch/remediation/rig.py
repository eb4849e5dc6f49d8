"""One daemon's worth of remediation, with a clock wound by hand, without the flow around it."""

from __future__ import annotations

import random
import uuid
from typing import Any

import orjson

from daemon.actions import ACTIONS
from daemon.clients import AwsClients, AwsSettings
from daemon.clients.estate import Estate, EstateSettings
from daemon.dedupe.claims import Claims
from daemon.dedupe.session import Session
from daemon.dispatch.context import DispatchContext
from daemon.dispatch.dead_letters import DeadLetter, DeadLetters, PlaceContext
from daemon.dispatch.dead_letters.state import StateDeadLetterConfig, StateDeadLetters
from daemon.dispatch.notices import Headline
from daemon.dispatch.parking import Parking
from daemon.dispatch.plan import Intent, MatchedRule, Route
from daemon.dispatch.policy import ACTION_FAILURES, FailureSettings
from daemon.dispatch.remediation import Remediation, Surroundings, build_remediation
from daemon.dispatch.remediation.answered import AnsweredApprovals
from daemon.dispatch.remediation.approvals import ApprovalSettings
from daemon.dispatch.remediation.expired import ExpiredActions
from daemon.dispatch.remediation.result import Ending, Result
from daemon.dispatch.remediation.undone import UndoneActions
from daemon.dispatch.self_alerts import SelfAlerts
from daemon.event import Event
from daemon.sinks.base import Severity
from daemon.state.base import StateStore
from daemon.telemetry import build_telemetry
from tests.clocks import HandWound
from tests.e2e.estates import ACCOUNT
from tests.emulators import REGION
from tests.secret_stores import secrets_of

CLOSING = {
    "type": "ec2.restrict-ingress",
    "mode": "auto",
    "port": 22,
    "allowed": ["10.10.0.0/16"],
    "undo_after_seconds": 3600,
}
"""Closes port 22 for an hour."""


class Process:
    """A process that has one action, called "close"; `told` holds the details of the events that tell of results."""

    def __init__(
        self,
        endpoint_url: str,
        store: StateStore,
        clock: HandWound,
        options: dict[str, Any],
        aws: AwsClients | None = None,
    ) -> None:
        settings = AwsSettings(region=REGION, endpoint_url=endpoint_url)
        self.aws = aws or AwsClients(settings)
        self.clock = clock
        self.told: list[dict[str, Any]] = []
        self.telemetry, rng = build_telemetry(), random.Random(1)
        self.session = Session(store, clock, self.telemetry)
        secrets = secrets_of(self.aws)
        self.estate = Estate(EstateSettings(accounts=frozenset({ACCOUNT})), self.aws, secrets, clock)
        configs = {"close": ACTIONS[options["type"]].config.model_validate(options)}
        around = Surroundings(store, self.session, self.telemetry, clock, rng, secrets)
        built = build_remediation(configs, self.estate, ApprovalSettings(), around, self._announce)
        self.remediation: Remediation = built
        self.context = built.context
        self.claims = Claims(store, self.session, clock, 86_400)
        failures = FailureSettings()
        dispatch = DispatchContext(self.telemetry, clock, rng, failures, SelfAlerts((), clock))
        self.letters = StateDeadLetters("default", StateDeadLetterConfig(type="state"), PlaceContext(self.aws, store))
        parking = Parking("close", ACTION_FAILURES, DeadLetters("default", self.letters, dispatch), dispatch)
        self.answered = AnsweredApprovals(built.kernels, {"close": parking}, self.claims, built.context, failures)
        self.undone = UndoneActions(built.kernels, self.claims, built.context, failures)
        self.expired = ExpiredActions(built.kernels, self.estate, self.claims, built.context, failures)

    async def _announce(self, event: Event, targets: tuple[str, ...], rule: str) -> None:
        del targets, rule
        self.told.append(event.document()["detail"])

    def endings(self) -> list[str]:
        """Return how the results ended that were told."""
        return [detail["ending"] for detail in self.told]

    def counted(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's series that have these labels."""
        values = self.telemetry.metrics.values(name)
        return sum(value for found, value in values if labels.items() <= found.items())

    async def carry_out(self, event: dict[str, Any], intent: str | None = None) -> Result:
        """Carry the action out on an event, under an intent of its own unless told which."""
        headline = Headline("rule", Severity.HIGH, "")
        wanted = Intent(
            intent or uuid.uuid4().hex,
            Event(f"e-{uuid.uuid4()}", orjson.dumps(event), ""),
            MatchedRule(headline, (Route("close"),)),
            Route("close"),
        )
        return await self.remediation.kernels["close"].carry_out(wanted, self._held)

    async def act(self, event: dict[str, Any]) -> Ending:
        """Carry the action out on an event; return how it ended."""
        return (await self.carry_out(event)).ending

    async def parked(self) -> list[DeadLetter]:
        """Return the dead letters."""
        return [kept.letter async for kept in self.letters.letters() if kept.letter is not None]

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for a process that stays alive."""
        self.clock.time += seconds
        await self.session.renew()

    async def _held(self) -> bool:
        return True

    async def steps(self) -> list[str]:
        """Return the steps in the journal."""
        return [entry.step async for entry in self.context.journal.read()]

    async def close(self) -> None:
        """Close the clients."""
        await self.estate.close()
        await self.aws.close()
