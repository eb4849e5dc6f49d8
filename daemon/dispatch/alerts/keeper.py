"""Tells of groups when they are due, and of silences that are over; app.py runs it beside the flow.

Every process looks at all groups.  What is told is frozen in the store first, then claimed, sent with retry and parked
like any alert, then taken off: a crash in between leaves a note that the next process sends under the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup

from daemon.dedupe.claims import Claims, Final, Held
from daemon.dedupe.identity import intent_identity
from daemon.dispatch.alerts.group import Group, Note, due_at, frozen, is_worth_closing, state_at, told
from daemon.dispatch.alerts.groups import Groups, Kept
from daemon.dispatch.alerts.note import note_of
from daemon.dispatch.alerts.settling import are_final
from daemon.dispatch.alerts.silences import Silence, Silences
from daemon.dispatch.alerts.target import AlertTarget
from daemon.dispatch.claiming import Claiming
from daemon.dispatch.context import DispatchContext
from daemon.dispatch.executor import ClaimLost
from daemon.dispatch.notices import Headline
from daemon.dispatch.plan import Intent, MatchedRule, Route
from daemon.dispatch.remediation.telling import PROCESS
from daemon.errors import StateError, VigildError
from daemon.event import Event
from daemon.journal import Entry, Journal
from daemon.sinks.grouping import GroupConfig
from daemon.telemetry.alerts import AuditFailed, GroupsCounted, GroupStranded, NoteFailed, NoteFinished, SilenceEnded
from daemon.telemetry.conditions import StateFailed
from daemon.telemetry.names import IntentOutcome, NoteState
from daemon.telemetry.signals import IntentClaimed, IntentFinished, IntentReleased

_LOOK_SECONDS = 5.0
_TICK_SECONDS = 0.25
_AGAIN_SECONDS = 5.0
"""After a failure, or where another process is at it."""
_RELEASE_SECONDS = 2.0
_DEFAULTS = GroupConfig()


@dataclass(frozen=True, slots=True)
class Memory:
    """What the keeper reads and writes."""

    groups: Groups
    silences: Silences
    claims: Claims
    claiming: Claiming
    journal: Journal


class Keeper:
    """One for each process."""

    def __init__(
        self,
        targets: Mapping[str, AlertTarget],
        find_rule: Callable[[str], MatchedRule | None],
        memory: Memory,
        context: DispatchContext,
    ) -> None:
        self._targets = targets
        self._find_rule = find_rule
        self._groups = memory.groups
        self._memory = memory
        self._context = context
        self._lifted: set[str] = set()
        """Silences that hold back no more, although a group expects them to."""
        self._in_work: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._stranded: set[str] = set()

    async def run(self) -> None:
        """Run until cancelled; what a stop cuts off is told by the next process that looks."""
        clock, looked_at = self._context.clock, float("-inf")
        async with anyio.create_task_group() as tasks:
            while True:
                if clock.monotonic() - looked_at >= _LOOK_SECONDS:
                    looked_at = clock.monotonic()
                    await self.look()
                self._begin_due(tasks)
                await clock.sleep(_TICK_SECONDS)

    async def tell_due(self) -> None:
        """Tell of what is known to be due now, and return."""
        async with anyio.create_task_group() as tasks:
            self._begin_due(tasks)

    async def finish(self) -> None:
        """Tell at once what alerts of this process are waiting for: nothing more will come."""
        async with anyio.create_task_group() as tasks:
            for name in self._groups.joined - self._in_work:
                self._in_work.add(name)
                tasks.start_soon(self._bring_on, name, True)
        while self._in_work:
            await self._context.clock.sleep(_TICK_SECONDS)

    async def look(self) -> None:
        """Learn what other processes and people did; end the silences that are over."""
        telemetry = self._context.telemetry
        try:
            # In this order: a silence that holds back what is found was placed before.
            await self._groups.look()
            silences = [silence async for silence in self._memory.silences.all()]
            await self._end(silences)
        except StateError as error:
            telemetry.emit(StateFailed(error.detail, _LOOK_SECONDS))
            return
        in_force = {silence.id for silence in silences if silence.until > self._context.clock.now()}
        self._lifted = {
            kept.group.key.held_by
            for kept in self._groups.all_known()
            if kept.group.key.state is NoteState.SILENCE and kept.group.key.held_by not in in_force
        }
        counts = self._groups.open_groups()
        for target in self._targets:
            telemetry.emit(GroupsCounted(target, counts[target]))
        self._not_before = {name: at for name, at in self._not_before.items() if self._groups.known(name)}

    def _begin_due(self, tasks: TaskGroup) -> None:
        now, monotonic = self._context.clock.now(), self._context.clock.monotonic()
        for name, group, _ in self._groups.all_known():
            held_off = name in self._in_work or self._not_before.get(name, monotonic) > monotonic
            if not held_off and self._due_at(group) <= now:
                self._in_work.add(name)
                tasks.start_soon(self._bring_on, name)

    def _due_at(self, group: Group) -> float:
        return 0.0 if group.key.held_by in self._lifted else due_at(group, self._config(group))

    def _config(self, group: Group) -> GroupConfig:
        target = self._targets.get(group.key.target)
        return (target.group if target else None) or _DEFAULTS

    async def _bring_on(self, name: str, at_once: bool = False) -> None:  # noqa: FBT001, FBT002 - started as a task
        """Freeze, send, take off.  The stage boundary: a fault in one group stops no other."""
        self._not_before.pop(name, None)
        try:
            if not await self._tell(name, at_once=at_once):
                self._not_before[name] = self._context.clock.monotonic() + _AGAIN_SECONDS
        except Exception as error:  # noqa: BLE001 - see above
            self._not_before[name] = self._context.clock.monotonic() + _AGAIN_SECONDS
            detail = error.detail if isinstance(error, StateError) else type(error).__name__
            self._context.telemetry.emit(NoteFailed(name.split("/")[1], detail))
        finally:
            self._in_work.discard(name)

    async def _tell(self, name: str, *, at_once: bool) -> bool:
        """Bring a group one step on; False where that has to wait for another process."""
        kept, now = self._groups.known(name), self._context.clock.now()
        if kept is None:
            return True
        group = kept.group
        target = self._targets.get(group.key.target)
        if target is None:
            self._strand(name, group.key.target, group.total)
            return False
        if group.outbox is None:
            forced = at_once and group.pending is not None and not group.key.is_held_back
            if not forced and self._due_at(group) > now:
                return True
            config = self._config(group)
            state = state_at(group, config, now)
            if state is NoteState.CLOSED and not is_worth_closing(group, config):
                return await self._end_group(kept)
            kept = await self._groups.replace(kept, frozen(group, note_of(group, state)))
        if kept is None or kept.group.outbox is None:
            return True
        return await self._send(kept, kept.group.outbox, target)

    async def _send(self, kept: Kept, note: Note, target: AlertTarget) -> bool:
        intent = self._intent(target, note)
        (claim,) = await self._memory.claiming.claim([intent])
        if isinstance(claim, Held):
            try:
                outcome = await self._deliver(intent, claim, target)
            except ClaimLost:
                return False
            self._context.telemetry.emit(NoteFinished(target.name, note.state, note.count, outcome, intent.id))
        elif not isinstance(claim, Final):
            return False
        key = kept.group.key
        if key.is_held_back:
            await self._record(
                Entry(
                    at=self._context.clock.now(),
                    step="held-back",
                    intent=intent.id,
                    rule=note.rule,
                    reason=key.state,
                    detail=f"{key.held_by}, from target {target.name}",
                    summary=note.description,
                    by=PROCESS,
                )
            )
        return await self._take_off(kept.name, note)

    async def _deliver(self, intent: Intent, claim: Held, target: AlertTarget) -> IntentOutcome:
        """Send the note; what does not come to an end is free for another process at once."""
        grip, emit = self._memory.claiming.grip(intent, claim), self._context.telemetry.emit
        emit(IntentClaimed(target.name, intent.id))
        try:
            ended = await target.plain.deliver(intent, grip.still_held, grip.confirm)
        except BaseException as error:
            emit(IntentReleased(target.name, intent.id))
            if not isinstance(error, ClaimLost):
                with anyio.move_on_after(_RELEASE_SECONDS, shield=True):
                    await self._memory.claims.release([grip.held])
            raise
        emit(IntentFinished(target.name, intent.rule.name, intent.id, ended.outcome, ended.attempts))
        return ended.outcome

    async def _take_off(self, name: str, note: Note) -> bool:
        """Record that the note came to its end, whatever joined the group meanwhile; False where that has to wait."""
        while (kept := self._groups.known(name)) is not None and kept.group.outbox == note:
            after = told(kept.group, self._context.clock.now())
            if after is None and not await self._end_group(kept):
                return False
            if after is not None and await self._groups.replace(kept, after) is not None:
                return True
        return True

    async def _end_group(self, kept: Kept) -> bool:
        """Remove a group, unless it changes meanwhile; False where somebody is still at an alert that it counted."""
        known = self._groups.known_as_final(kept.name)
        if not await are_final(kept.group, known, self._memory.claims, self._memory.claiming):
            return False
        await self._groups.replace(kept, None)
        return True

    def _intent(self, target: AlertTarget, note: Note) -> Intent:
        rule = self._find_rule(note.rule)
        routes = [route for route in rule.routes if route.target == target.name] if rule else []
        route = routes[0] if routes else Route(target.name)
        headline = Headline(note.rule, note.severity, note.description)
        event = Event(note.identity, note.body, note.time)
        return Intent(
            intent_identity(note.identity, note.rule, target.name), event, MatchedRule(headline, (route,)), route
        )

    async def _end(self, silences: list[Silence]) -> None:
        """Say that these are over, where they are: once, by whichever process comes to remove it."""
        for silence in silences:
            if silence.until > self._context.clock.now():
                continue
            # Before it is removed, so that no crash loses it; two processes' entries of one name are one.
            await self._record(
                Entry(
                    at=silence.until,
                    step="silence-ended",
                    intent=f"silence:{silence.id}",
                    detail=silence.id,
                    summary=f"{silence.scope.described()}, by {silence.by}: {silence.why}",
                    by=PROCESS,
                )
            )
            if await self._memory.silences.forget(silence.id):
                self._context.telemetry.emit(SilenceEnded(silence.id, silence.by, silence.why))

    async def _record(self, entry: Entry) -> None:
        """Journal it; a journal that is broken keeps nobody from being told."""
        try:
            await self._memory.journal.append(entry)
        except StateError:
            raise
        except VigildError as error:
            self._context.telemetry.emit(AuditFailed(entry.step, str(error)))

    def _strand(self, name: str, target: str, alerts: int) -> None:
        if name not in self._stranded:
            self._stranded.add(name)
            self._context.telemetry.emit(GroupStranded(target, alerts))
