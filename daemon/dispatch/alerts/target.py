"""A sink as a target of rules, with hygiene before it: an alert is withheld, gathered into a group, or sent.

An alert that a group took is final: the group outlives this process, and is told of by whichever process finds it due.
What cannot be gathered is sent by itself: nothing here may lose an alert.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from daemon.clock import Clock
from daemon.dedupe.session import Outage
from daemon.dispatch.alerts.facts import Alert, alert_of
from daemon.dispatch.alerts.group import Key, severity_rank
from daemon.dispatch.alerts.groups import Groups
from daemon.dispatch.alerts.note import headline_of, is_note, member_of
from daemon.dispatch.alerts.quiet import Quiet
from daemon.dispatch.executor import ClaimLost, Ended
from daemon.dispatch.plan import Intent, Route
from daemon.dispatch.remediation.result import asks_a_person, ending_of
from daemon.dispatch.targets import Confirm, Held, SinkTarget
from daemon.errors import StateError
from daemon.json_path import JsonPath
from daemon.retry import RetryPolicy
from daemon.sinks.base import SinkConfig
from daemon.sinks.event_path import compiled
from daemon.sinks.grouping import GroupConfig
from daemon.telemetry import Telemetry
from daemon.telemetry.alerts import AlertUngrouped, AlertWithheld
from daemon.telemetry.conditions import StateFailed
from daemon.telemetry.names import IntentOutcome, Withheld

_POLICY = RetryPolicy(base_seconds=0.1, cap_seconds=5.0)


@dataclass(frozen=True, slots=True)
class Hygiene:
    """What all targets share."""

    groups: Groups
    quiet: Quiet
    outage: Outage
    """Of groups."""
    telemetry: Telemetry
    clock: Clock
    rng: random.Random


class AlertTarget:
    """See Target; `plain` sends."""

    def __init__(self, plain: SinkTarget, config: SinkConfig, hygiene: Hygiene) -> None:
        self.name = plain.name
        self.proceeds_without_state = plain.proceeds_without_state
        self.plain = plain
        self.group = config.group
        self._least = severity_rank(config.min_severity)
        self._resource = JsonPath(config.group.resource) if config.group and config.group.resource else None
        self._hygiene = hygiene

    async def deliver(self, intent: Intent, still_held: Held, confirm: Confirm) -> Ended:
        """See Target: final once it is withheld with a record, part of a group, or sent."""
        if is_note(intent.event):
            rule = msgspec.structs.replace(intent.rule, headline=headline_of(intent.event, intent.rule.name))
            return await self.plain.deliver(msgspec.structs.replace(intent, rule=rule), still_held, confirm)
        if asks_a_person(intent.event):
            # An approval that nobody hears of lapses: alert hygiene must not stop an action.
            return await self.plain.deliver(intent, still_held, confirm)
        if severity_rank(intent.rule.headline.severity) < self._least:
            return await self._withhold(intent, Withheld.SEVERITY, "", confirm)
        try:
            outcome = await self._gather(intent, still_held, confirm)
        except (ClaimLost, StateError):
            raise
        except Exception as error:  # noqa: BLE001 - the stage boundary: a fault of ours in gathering must not lose an alert
            detail = f"{type(error).__name__} in gathering"
            self._hygiene.telemetry.emit(AlertUngrouped(self.name, intent.rule.name, intent.id, detail))
            outcome = None
        return outcome or await self.plain.deliver(intent, still_held, confirm)

    async def check(self) -> str:
        """See Target."""
        return await self.plain.check()

    async def close(self) -> None:
        """See Target."""
        await self.plain.close()

    async def _gather(self, intent: Intent, still_held: Held, confirm: Confirm) -> Ended | None:
        """Have a group take the alert; None where none does."""
        taken = await self._take_in(intent, still_held)
        if taken is None:
            return None
        name, key = taken
        if key.is_held_back:
            ended = await self._withhold(intent, Withheld(key.state.value), key.held_by, confirm)
        else:
            await confirm(IntentOutcome.GROUPED)
            ended = Ended(IntentOutcome.GROUPED, 1)
        self._hygiene.groups.confirmed(name, bytes.fromhex(intent.id))
        return ended

    async def _take_in(self, intent: Intent, still_held: Held) -> tuple[str, Key] | None:
        """Return name and key of the group that counts the alert; None where it is to be sent by itself."""
        counting = self._hygiene.groups.counting(bytes.fromhex(intent.id))
        if counting is not None:
            # Since before a crash.  A silence that began or ended meanwhile must not have it told once more.
            if not await still_held():
                raise ClaimLost
            return counting.name, counting.group.key
        alert = alert_of(intent)
        key = await self._hygiene.quiet.holding(alert)
        if key is None and self.group is not None and not intent.route.at_once:
            key = self._key(alert, _keys(intent.route, self.group))
        name = await self._join(intent, alert, key, still_held) if key is not None else None
        return (name, key) if name is not None and key is not None else None

    async def _withhold(self, intent: Intent, reason: Withheld, held_by: str, confirm: Confirm) -> Ended:
        await confirm(IntentOutcome.REFUSED)
        self._hygiene.telemetry.emit(AlertWithheld(self.name, intent.rule.name, intent.id, reason, held_by))
        return Ended(IntentOutcome.REFUSED, 0)

    async def _join(self, intent: Intent, alert: Alert, key: Key, still_held: Held) -> str | None:
        """Return the name of the group once it has the alert; None where the state store is away and nobody waits.

        Raises ClaimLost: while the store could not be reached, another process may have brought the alert to its end.
        """
        hygiene, failures = self._hygiene, 0
        member = member_of(intent.id, alert, self._about(alert), intent.rule.headline.description)
        most = self.group.max_groups if self.group else 1
        while True:
            if not await still_held():
                raise ClaimLost
            try:
                name = await hygiene.groups.join(key, member, most)
            except StateError as error:
                hygiene.outage.failed()
                if self.proceeds_without_state and hygiene.outage.away:
                    return None
                failures += 1
                wait = _POLICY.delay(failures, None, hygiene.rng)
                hygiene.telemetry.emit(StateFailed(error.detail, wait))
                await hygiene.clock.sleep(wait)
            else:
                hygiene.outage.answered()
                return name

    def _key(self, alert: Alert, by: Sequence[str]) -> Key:
        values = {
            "rule": alert.rule,
            "severity": alert.severity.value,
            "account": alert.account,
            "region": alert.region,
            "source": alert.source,
            "detail-type": alert.detail_type,
        }
        if "resource" in by:
            values["resource"] = self._about(alert)
        paths = [key for key in by if key.startswith("$")]
        values |= zip(paths, alert.at([compiled(path) for path in paths]), strict=True)
        pairs = tuple((key, values[key]) for key in by)
        # That an action has acted, or failed, is no more of what it acted on: it must not vanish in a count of that.
        ending = ending_of(alert.event)
        return Key(alert.target, pairs if ending is None else (*pairs, ("action", ending.value)))

    def _about(self, alert: Alert) -> str:
        """Return the resource that the alert is about; empty where the event names none."""
        if self._resource is not None:
            return alert.at([self._resource])[0]
        return alert.resources[0] if alert.resources else ""


def _keys(route: Route, config: GroupConfig) -> Sequence[str]:
    """Return by what a rule's alerts are gathered: its own keys keep them apart from those of other rules."""
    if route.group_by is None:
        return config.by
    return ("rule", *(key for key in route.group_by if key != "rule"))
