"""What policy says before anything is looked at: holds, exemptions, cool-downs and budgets.  kernel.py asks.

Each refusal has a closed reason and a sentence; nothing is refused without a record of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from daemon.actions.config import ActionConfig, Mode
from daemon.actions.resource_names import is_named
from daemon.actions.subject import Subject
from daemon.clock import Clock
from daemon.dispatch.remediation.counts import HourlyCounts, Taken
from daemon.dispatch.remediation.holds import Holds
from daemon.dispatch.remediation.keys import resource_key
from daemon.dispatch.remediation.record import Record
from daemon.dispatch.remediation.result import Refusal
from daemon.state.base import StateStore, Write

_PREFIX = "cooldown/"


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """Raised where policy does not allow an action."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class Asked(msgspec.Struct, frozen=True):
    """Who asks to do what."""

    intent: str
    rule: str
    action: str
    mode: Mode
    subject: Subject


def asked_by(record: Record) -> Asked:
    """Return who asks for what has been planned."""
    return Asked(record.intent, record.rule, record.action, record.mode, record.subject)


class Gate:
    """The policy of one configured action.  All verbs raise StateError, and Refused where it says no."""

    def __init__(
        self, config: ActionConfig, store: StateStore, holds: Holds, counts: HourlyCounts, clock: Clock
    ) -> None:
        self._config = config
        self._store = store
        self._holds = holds
        self._clock = clock
        self._counts = counts

    def check_used_up(self, asked: Asked) -> None:
        """Refuse at once, without lock or store, where a budget was used up a moment ago: most of a storm."""
        limits = self._limits(asked)
        over = self._counts.used_up(limits)
        if over is not None:
            raise _over_budget(limits, over, 1)

    async def admit(self, asked: Asked) -> None:
        """Pass what is neither held, exempt nor cooling down."""
        subject = asked.subject
        self._check_exemptions(subject)
        if asked.mode is not Mode.SHADOW:
            await self.check_holds(asked)
        cooling = await self._store.get(self._cooldown_keys(asked))
        for resource, item in zip(subject.resources, cooling, strict=True):
            # Our own: a crash came between the cool-down's beginning and the record of the plan.
            if item is not None and item.value != asked.intent.encode():
                raise Refused(
                    Refusal.COOLDOWN, f"{resource}: acted upon less than {self._config.cooldown_seconds:g} s ago"
                )

    async def check_holds(self, asked: Asked) -> None:
        """Pass what nobody holds now."""
        hold = await self._holds.covering(asked.rule, asked.action, asked.subject)
        if hold is not None:
            raise Refused(Refusal.HELD, f"hold {hold.id} by {hold.by}: {hold.why}")

    def check_tags(self, resource_tags: Mapping[str, Mapping[str, str]]) -> None:
        """Pass resources of which none has a tag that exempts it."""
        for resource, tags in resource_tags.items():
            for name, pattern in self._config.exempt.tags.items():
                if name in tags and fnmatchcase(tags[name], pattern):
                    raise Refused(Refusal.EXEMPT, f"tag {name} of {resource}")

    async def spend(self, asked: Asked, resources: int) -> Taken:
        """Take so many off every budget; return what give_back takes."""
        limits = self._limits(asked)
        taken = await self._counts.take(limits, resources)
        if isinstance(taken, str):
            raise _over_budget(limits, taken, resources)
        return taken

    async def give_back(self, spent: Sequence[Taken]) -> None:
        """Return what was spent on an action that was not needed."""
        for each in spent:
            await self._counts.give_back(each)

    async def begin_cooldown(self, asked: Asked) -> None:
        """Leave the resources alone from now on, for the action's time."""
        until = self._clock.now() + self._config.cooldown_seconds
        if self._config.cooldown_seconds:
            await self._store.put(
                [Write(key, asked.intent.encode(), None, until) for key in self._cooldown_keys(asked)]
            )

    def _check_exemptions(self, subject: Subject) -> None:
        exempt = self._config.exempt
        if subject.account in exempt.accounts:
            raise Refused(Refusal.EXEMPT, f"account {subject.account}")
        for pattern in exempt.resources:
            if is_named(subject, pattern):
                raise Refused(Refusal.EXEMPT, f"resource {pattern}")

    def _cooldown_keys(self, asked: Asked) -> list[str]:
        # Shadow cools down apart: what was only said must not hold back what is done.
        shadow = "shadow/" if asked.mode is Mode.SHADOW else ""
        prefix = f"{_PREFIX}{shadow}{asked.action}/"
        return [resource_key(prefix, asked.subject, resource) for resource in asked.subject.resources]

    def _limits(self, asked: Asked) -> dict[str, int]:
        budget, subject = self._config.budget, asked.subject
        shadow = "shadow/" if asked.mode is Mode.SHADOW else ""
        action = f"{shadow}action/{asked.action}"
        return {
            action: budget.per_hour,
            f"{action}/rule/{asked.rule}": budget.per_rule_per_hour,
            f"{action}/account/{subject.account}": budget.per_account_per_hour,
            f"{action}/region/{subject.account}/{subject.region}": budget.per_region_per_hour,
        }


def _over_budget(limits: Mapping[str, int], over: str, resources: int) -> Refused:
    if resources == 1:
        return Refused(Refusal.BUDGET, f"{limits[over]} an hour are used up: {over}")
    return Refused(Refusal.BUDGET, f"{limits[over]} an hour leave no room for {resources} resources: {over}")
