"""Takes an action through its steps on an emulated estate, without the kernel around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from daemon.actions import ACTIONS, build
from daemon.actions.base import Action, Declined, Image, Plan, Verdict
from daemon.actions.subject import Subject
from daemon.clients import AwsClients, AwsSettings
from daemon.clients.estate import Call, Estate, EstateSettings, Reader, Writer
from daemon.clock import SystemClock
from daemon.errors import EffectError
from tests.emulators import REGION, Emulator

ACCOUNT = "123456789012"
"""The account that moto's default credentials belong to."""
KEY = "0" * 32
_FAST = EstateSettings(calls_per_second=100, burst=1000)


@dataclass(slots=True)
class Acting:
    """One action; `aws` reads the estate as anybody would."""

    action: Action[Any]
    estate: Estate
    aws: AwsClients
    written: list[Call]

    def reader(self, subject: Subject) -> Reader:
        """Return what to look with."""
        return self.estate.reader(subject.account, subject.region)

    def writer(self, subject: Subject) -> Writer:
        """Return what to act with."""

        async def note(call: Call) -> None:
            self.written.append(call)

        return self.estate.writer(subject.account, subject.region, note)

    async def plan(self, event: Mapping[str, Any]) -> Plan | Declined | None:
        """Return what would be done; None where the resource is not there."""
        subject = self.action.subject(event)
        image = await self.action.look(subject, self.reader(subject))
        return None if image is None else self.action.decide(subject, image)

    async def act(self, event: Mapping[str, Any]) -> tuple[Plan, Image]:
        """Do it and see that it shows; return the plan, and what apply returned."""
        plan = await self.plan(event)
        assert isinstance(plan, Plan), plan
        subject = self.action.subject(event)
        applied = await self.action.apply(subject, plan, KEY, self.writer(subject))
        assert Verdict.SETTLED is await self.action.verify(subject, plan, applied, self.reader(subject))
        return plan, applied

    async def undo(self, event: Mapping[str, Any], plan: Plan, applied: Image) -> None:
        """Undo it and see that the image before is there again."""
        subject = self.action.subject(event)
        await self.action.revert(subject, plan, applied, self.writer(subject))
        image = await self.action.look(subject, self.reader(subject))
        assert plan.before == image, f"{plan.before}\n{image}"

    async def failure(self, event: Mapping[str, Any]) -> EffectError | None:
        """Return what planning fails with, None where it does not."""
        try:
            await self.plan(event)
        except EffectError as error:
            return error
        return None


@asynccontextmanager
async def acting(emulator: Emulator, options: dict[str, Any]) -> AsyncIterator[Acting]:
    """Yield the action that a configuration file with these options would give."""
    config = ACTIONS[options["type"]].config.model_validate(options)
    settings = AwsSettings(region=REGION, endpoint_url=emulator.endpoint_url)
    aws = AwsClients(settings)
    estate = Estate(_FAST, aws, settings, SystemClock())
    try:
        yield Acting(build(config), estate, aws, [])
    finally:
        await estate.close()
        await aws.close()


def event_of(**detail: Any) -> dict[str, Any]:
    """Return an event of the emulated account with this detail."""
    return {"source": "aws.test", "id": "e-1", "account": ACCOUNT, "region": REGION, "detail": detail}
