"""Sends dead letters on their way again: an intent to its target, unreadable bytes into the decoder.

`vigild dead-letters redrive` runs it, beside running daemons or without any.  A letter is removed only after what it
asks for is final; cut off in between it is redriven again, and the claim of its intent knows what had been done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum

import anyio

from daemon.clock import Clock
from daemon.dedupe.claims import Final, Held
from daemon.dispatch.dead_letters import DeadLetter, DeadLetterPlace, Kept
from daemon.dispatch.dead_letters.selection import Selection
from daemon.dispatch.dispatcher import Dispatcher
from daemon.dispatch.executor import ClaimLost
from daemon.dispatch.plan import Intent, Route
from daemon.event import Delivery, Event
from daemon.pipeline.sift import Sieve
from daemon.telemetry.names import IntentOutcome

_CLOSE_SECONDS = 3.0


class Fate(StrEnum):
    """What became of a letter."""

    DELIVERED = "delivered"
    DONE_BEFORE = "done before"
    DECODED = "decoded"  # and everything that its events ask for is final
    DROPPED = "dropped or refused by policy"
    FAILED_AGAIN = "failed again"
    IN_WORK = "in work elsewhere"
    NO_TARGET = "no such target"
    NO_RULE = "no such rule"
    CUT = "cut, not whole"


REMOVED = frozenset({Fate.DELIVERED, Fate.DONE_BEFORE, Fate.DECODED, Fate.DROPPED})
"""Whose letters are removed: what they asked for is final."""


class Redriver:
    """One run.  `lying` holds the ids of letters in work: a target that fails again must not park a second one."""

    def __init__(self, sieve: Sieve, dispatcher: Dispatcher, lying: set[str], rate: float, clock: Clock) -> None:
        self._sieve = sieve
        self._dispatcher = dispatcher
        self._lying = lying
        self._seconds_apart = 1.0 / rate
        self._clock = clock
        self._next_at = clock.monotonic()

    async def redrive(
        self, place: DeadLetterPlace, selection: Selection, watch: Callable[[int], None]
    ) -> Counter[Fate]:
        """Redrive the letters of a place; `watch` is told how many more have met their fate.

        Raises RetryableError or PermanentError when the place or the state store cannot be reached.
        """
        fates: Counter[Fate] = Counter()
        batch: list[tuple[DeadLetter, object]] = []
        size = await place.batch()
        async for kept in place.letters():
            if kept.letter is not None and selection.means(kept.letter):
                batch.append((kept.letter, kept.handle))
            if len(batch) == size:
                fates += await self._batch(place, batch, watch)
                batch = []
        return fates + await self._batch(place, batch, watch)

    async def _batch(
        self, place: DeadLetterPlace, batch: Iterable[tuple[DeadLetter, object]], watch: Callable[[int], None]
    ) -> Counter[Fate]:
        fates: Counter[Fate] = Counter()
        finished: list[object] = []

        async def one(letter: DeadLetter, handle: object) -> None:
            fate = await self._send(letter)
            fates[fate] += 1
            if fate in REMOVED:
                finished.append(handle)
            watch(1)

        try:
            async with anyio.create_task_group() as group:
                for letter, handle in batch:
                    await self._pace()
                    group.start_soon(one, letter, handle)
        finally:
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await place.remove(finished)
        return fates

    async def _pace(self) -> None:
        now = self._clock.monotonic()
        if self._next_at > now:
            await self._clock.sleep(self._next_at - now)
        self._next_at = max(self._next_at, now) + self._seconds_apart

    async def _send(self, letter: DeadLetter) -> Fate:
        return await (self._to_target(letter) if letter.origin == "target" else self._to_decoder(letter))

    async def _to_target(self, letter: DeadLetter) -> Fate:
        target = self._dispatcher.targets.get(letter.name)
        rule = self._sieve.rules.rules.get(letter.rule)
        if target is None:
            return Fate.NO_TARGET
        if rule is None:
            return Fate.NO_RULE
        # A target that the rule does not name was told by an action (`notify`).
        named = [route for route in rule.matched.routes if route.target == letter.name]
        route = named[0] if named else Route(letter.name)
        event = Event(letter.identity or letter.id, bytes(letter.event), "")
        intent = Intent(letter.id, event, rule.matched, route)
        claiming = self._dispatcher.claiming
        (claim,) = await claiming.claim([intent], reopen=True)
        if not isinstance(claim, Held):
            return Fate.DONE_BEFORE if isinstance(claim, Final) else Fate.IN_WORK
        self._lying.add(letter.id)
        grip = claiming.grip(intent, claim)
        try:
            ended = await target.deliver(intent, grip.still_held, grip.confirm)
        except ClaimLost:
            return Fate.IN_WORK
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await grip.confirm(IntentOutcome.PARKED)
            raise
        finally:
            self._lying.discard(letter.id)
        fates = {
            IntentOutcome.DONE: Fate.DELIVERED,
            IntentOutcome.GROUPED: Fate.DELIVERED,
            IntentOutcome.PARKED: Fate.FAILED_AGAIN,
        }
        return fates.get(ended.outcome, Fate.DROPPED)

    async def _to_decoder(self, letter: DeadLetter) -> Fate:
        body = letter.raw_body()
        if body is None:
            return Fate.CUT
        delivery = Delivery(
            source=letter.name,
            identity=letter.id,
            body=body,
            receipt=None,
            received_at=self._clock.now(),
            attempt=letter.attempts + 1,
        )
        refused = False
        async for chunk in self._sieve.sift(letter.name, [delivery]):
            refused = refused or bool(chunk.rejections)
            await self._dispatcher.carry_out([match for _, match in chunk.matches], lambda *_: None)
        return Fate.FAILED_AGAIN if refused else Fate.DECODED


async def foresee(
    place: DeadLetterPlace, selection: Selection, known_targets: Iterable[str], known_rules: Iterable[str]
) -> Counter[str]:
    """Return what a redrive would try and what it would leave, by words; sends and claims nothing."""
    targets, rules = set(known_targets), set(known_rules)
    found: Counter[str] = Counter()
    async for kept in place.letters():
        if kept.letter is not None and selection.means(kept.letter):
            found[_prospect(kept, targets, rules)] += 1
    return found


def _prospect(kept: Kept, targets: set[str], rules: set[str]) -> str:
    letter = kept.letter
    if letter is None:
        return "no letter"
    if letter.origin == "source":
        return f"to the decoder, for source {letter.name}" if letter.raw_body() is not None else Fate.CUT
    if letter.name not in targets:
        return Fate.NO_TARGET
    return f"to target {letter.name}" if letter.rule in rules else Fate.NO_RULE
