"""Takes an action through its steps on an emulated estate, without the kernel around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from daemon.actions import ACTIONS, build
from daemon.actions.base import Action, Declined, Image, Plan, Verdict
from daemon.actions.subject import Subject
from daemon.clients import AwsClients
from daemon.clients.estate import Call, Estate, EstateSettings, Reader, Writer
from daemon.clock import SystemClock
from daemon.errors import EffectError
from tests.emulators import REGION, Emulator, clients_of
from tests.secret_stores import secrets_of

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
    written: list[Call] = field(default_factory=list)
    """Calls that changed something."""
    readers: list[Reader] = field(default_factory=list)

    def reader(self, subject: Subject) -> Reader:
        """Return what to look with."""
        reader = self.estate.reader(subject.account, subject.region)
        self.readers.append(reader)
        return reader

    def writer(self, subject: Subject) -> Writer:
        """Return what to act with."""

        async def note(call: Call) -> None:
            self.written.append(call)

        writer = self.estate.writer(subject.account, subject.region, note)
        self.readers.append(writer)
        return writer

    def assert_permitted(self) -> None:
        """Fail where a call was made that the action's permissions do not name: `vigild iam-policy` prints those."""
        permissions = self.action.permissions
        changes = {*permissions.write, *permissions.undo}
        for reader in self.readers:
            for call in reader.calls:
                allowed = changes | set(permissions.read) if call.write else set(permissions.read)
                assert any(iam_actions(call, versioned=each) <= allowed for each in (False, True)), call

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
    aws = clients_of(emulator)
    estate = Estate(_FAST, aws, secrets_of(aws), SystemClock())
    try:
        made = Acting(build(config), estate, aws)
        yield made
        made.assert_permitted()
    finally:
        await estate.close()
        await aws.close()


_PREFIXES = {"stepfunctions": "states"}
"""Services that IAM knows under another name."""

_OTHERWISE_NAMED = {
    "ec2:CreateSnapshot": {"ec2:CreateSnapshot", "ec2:CreateTags"},
    "lambda:Invoke": {"lambda:InvokeFunction"},
    "s3:HeadBucket": {"s3:ListBucket"},
    "s3:HeadObject": {"s3:GetObject"},
    "s3:ListObjectVersions": {"s3:ListBucketVersions"},
    "s3:CopyObject": {"s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"},
    "s3:GetPublicAccessBlock": {"s3:GetBucketPublicAccessBlock"},
    "s3:PutPublicAccessBlock": {"s3:PutBucketPublicAccessBlock"},
    "s3:DeletePublicAccessBlock": {"s3:PutBucketPublicAccessBlock"},
}
"""Calls whose IAM action has another name (Service Authorization Reference)."""


_OF_VERSIONS = {
    "s3:CopyObject": {"s3:GetObjectVersion", "s3:GetObjectVersionTagging"},
    "s3:DeleteObject": {"s3:DeleteObjectVersion"},
    "s3:GetObjectAcl": {"s3:GetObjectVersionAcl"},
    "s3:GetObjectTagging": {"s3:GetObjectVersionTagging"},
    "s3:PutObjectAcl": {"s3:PutObjectVersionAcl"},
}
"""What calls need that name an object's version."""


def iam_actions(call: Call, *, versioned: bool = False) -> set[str]:
    """Return the IAM actions that a call needs."""
    name = f"{_PREFIXES.get(call.service, call.service)}:{call.operation}"
    if versioned and name in _OF_VERSIONS:
        return _OF_VERSIONS[name] | (_OTHERWISE_NAMED.get(name, set()) - {"s3:GetObject", "s3:GetObjectTagging"})
    return _OTHERWISE_NAMED.get(name, {name})


def event_of(**detail: Any) -> dict[str, Any]:
    """Return an event of the emulated account with this detail."""
    return {"source": "aws.test", "id": "e-1", "account": ACCOUNT, "region": REGION, "detail": detail}
