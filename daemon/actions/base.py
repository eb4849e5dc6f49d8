"""What dispatch/remediation/ expects of an action: look, decide, apply, verify, revert.  One verb a file.

Looking and deciding are apart: `look` reads the part of the live state that the action is about, `decide` is a pure
function of it.  So the kernel can plan in shadow, show a person what would change, see that nothing moved since, verify
by looking again, and undo by comparing with what was left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import msgspec

from daemon.actions.config import ActionConfig
from daemon.actions.subject import Subject
from daemon.clients.estate import Reader, Writer
from daemon.errors import FailureKind, PermanentError

Image: TypeAlias = dict[str, Any]
"""The part of a resource's state that an action is about, as JSON: equal images are equal states."""

ConfigT = TypeVar("ConfigT", bound=ActionConfig)


class Redo(StrEnum):
    """What becomes of an action that was cut off between its first call and its confirmation."""

    REPEAT = "repeat"  # the same calls again: they change nothing a second time
    LOOK = "look"  # look at the live state again and do what is left
    NEVER = "never"  # a person decides: the effect may have taken place, and must not twice


class Decline(StrEnum):
    """Why there is nothing to do: the closed list behind the metric label `reason`."""

    ALREADY_RIGHT = "already_right"
    NOT_FOUND = "not_found"  # the resource is gone, or never was
    CHANGED = "changed"  # no longer in the state that the event tells of
    PROTECTED = "protected"  # acting would break what the configuration protects


class Declined(msgspec.Struct, frozen=True):
    """The answer of `decide` where nothing is to be done."""

    reason: Decline
    detail: str


class Change(msgspec.Struct, frozen=True):
    """One line of the difference that a person reads."""

    resource: str
    field: str
    before: Any
    after: Any


class Plan(msgspec.Struct, frozen=True):
    """What will be changed, complete: `apply` and `revert` need nothing else but the subject."""

    summary: str
    """One sentence: "revoke tcp/22 from 0.0.0.0/0 in sg-1"."""
    changes: tuple[Change, ...]
    before: Image
    """As it was looked at: the before-image."""
    after: Image
    """As it will be looked at when all is done."""
    resource_tags: Mapping[str, Mapping[str, str]] = {}
    """Of each resource, for exemptions: one that is exempt exempts the whole plan."""


class Verdict(StrEnum):
    """What verifying found."""

    SETTLED = "settled"
    NOT_YET = "not_yet"  # eventually consistent, or still running: look again
    FAILED = "failed"  # it will not come right by itself


class Permissions(msgspec.Struct, frozen=True):
    """IAM actions ("ec2:DescribeInstances") that the calls of an action need, and on what."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    """Needed by `revert` alone."""
    resources: tuple[str, ...] = ("*",)
    """ARNs of `write` and `undo`, with `{account}` and `{region}`; reading is granted on all."""


class Action(ABC, Generic[ConfigT]):
    """Base of all actions.  Holds nothing but its configuration; all methods may be called concurrently.

    Reads and writes raise RetryableError or PermanentError, which the kernel retries or parks; an answer that was
    refused or throttled is never taken for "fine".
    """

    redo: ClassVar[Redo]
    permissions: ClassVar[Permissions]
    undoable: ClassVar[bool] = False
    """Whether there is an inverse: `revert` is written."""

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    @property
    def acts_on(self) -> tuple[str, ...]:
        """What `write` and `undo` touch under this configuration: as `permissions.resources`, or less."""
        return self.permissions.resources

    @abstractmethod
    def subject(self, event: Mapping[str, Any]) -> Subject:
        """Return what the event asks to act on.  Raises SubjectError where it does not say, or says it wrongly."""

    @abstractmethod
    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """Return the live state as far as it concerns this action; None where the resource is not there."""

    @abstractmethod
    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """Return the smallest change that sets it right, or why none is needed.  Pure."""

    @abstractmethod
    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """Make the change; return what must be remembered beside the plan (a command's id), {} for nothing.

        `key` is the intent's idempotency key, the same at every attempt: a ClientToken where the API has one.
        """

    async def verify(self, subject: Subject, plan: Plan, applied: Image, api: Reader) -> Verdict:
        """Look whether the change has come about; by default: whether the image is the planned one."""
        del applied
        return Verdict.SETTLED if await self.look(subject, api) == plan.after else Verdict.NOT_YET

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """Bring `plan.before` back; `applied` is what apply returned.

        Called only where `undoable`, while the live image is `plan.after`: what apply left, or what a revert that was
        cut off has left on its way back.
        """
        del subject, plan, applied, api
        raise PermanentError(FailureKind.BUG, f"{self.config.type} has no inverse")
