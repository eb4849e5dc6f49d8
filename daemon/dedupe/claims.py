"""Two-phase claims on intents: claim before acting, confirm after, release when it did not come to it.

dispatch/ calls claim for a whole batch, then confirm or release for each intent.  What a crash leaves claimed is taken
over once the session of the dead process has lapsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import islice

import msgspec

from daemon.clock import Clock
from daemon.dedupe.session import Session
from daemon.state.base import ABSENT, Conflict, Delete, Item, StateStore, Write
from daemon.telemetry.names import StoredKind

_PREFIX = "claim/"
_NOBODY = ""
"""No session has this id."""
_MOST_OWED = 100_000
"""About 30 MB; at 100 alerts a second a quarter of an hour without the store."""
_CATCH_UP = 500


class ClaimState(StrEnum):
    """Where an intent stands; all but CLAIMED are final."""

    CLAIMED = "claimed"
    DONE = "done"
    GROUPED = "grouped"
    PARKED = "parked"
    REFUSED = "refused"
    DROPPED = "dropped"


class _Record(msgspec.Struct, frozen=True):
    state: ClaimState
    session: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Record).decode


class Held(msgspec.Struct, frozen=True):
    """The intent is ours until we confirm or release it."""

    intent: str
    version: int
    """Of the claim in the store; ABSENT where it is assumed."""
    generation: int


class Busy(msgspec.Struct, frozen=True):
    """Someone alive is at it (perhaps ourselves, in another task): look again later."""

    intent: str


class Final(msgspec.Struct, frozen=True):
    """It has been done, or parked, before."""

    intent: str
    state: ClaimState


class Claims:
    """Claims of one session in a shared state store.

    Confirmed intents are remembered for `retention_seconds`.  All verbs raise StateError; repeating them is safe.
    """

    def __init__(self, store: StateStore, session: Session, clock: Clock, retention_seconds: float) -> None:
        self.session = session
        self._store = store
        self._clock = clock
        self._retention = retention_seconds
        self._claimed = _Record(ClaimState.CLAIMED, session.id)
        self._ours: set[str] = set()
        """Intents held, or being claimed right now."""
        self._owed: dict[str, tuple[Held, ClaimState]] = {}
        """What is final and could not be recorded."""

    async def claim(self, intents: Sequence[str], *, reopen: bool = False) -> list[Held | Busy | Final]:
        """Try to claim each intent, in one round trip where none is contested; with `reopen` also what is parked.

        What this process is at already, or asks for twice, is Busy without asking the store.
        """
        wanted = list(dict.fromkeys(i for i in intents if i not in self._ours and i not in self._owed))
        self._ours.update(wanted)
        results: dict[str, Held | Busy | Final] = {}
        try:
            results = await self._claim_unheld(wanted, reopen=reopen)
        finally:
            self._ours.difference_update(i for i in wanted if not isinstance(results.get(i), Held))
        return [results.pop(intent) if intent in results else self._known(intent) for intent in intents]

    def assume(self, intent: str) -> Held | Busy | Final:
        """Hold an intent without asking the store, which is away: someone else may be at it, or have done it."""
        if intent in self._ours or intent in self._owed:
            return self._known(intent)
        self._ours.add(intent)
        return Held(intent, ABSENT, self.session.generation)

    async def affirm(self, held: Held) -> Held | None:
        """Return the claim as one that can be acted on now; None where another process has taken it over.

        Costs nothing while the session goes on without a gap.  After one it is not enough to look: who found us dead
        may be about to take the claim over.  Writing it anew makes that fail, or has failed itself.
        """
        if held.version == ABSENT:
            return held
        while held.generation != self.session.generation or not self.session.fresh:
            if not self.session.fresh:
                await self.session.renew()
            generation = self.session.generation
            (answer,) = await self._store.put([self._write(held.intent, ClaimState.CLAIMED, held.version)])
            if isinstance(answer, Item):
                held = Held(held.intent, answer.version, generation)
            elif answer.current is not None and self._read(answer.current) == self._claimed:
                # An earlier write of this kind got through, only its answer did not.  Write once more, all the same:
                # others may have found us dead since then.
                held = Held(held.intent, answer.current.version, held.generation)
            else:
                self._ours.discard(held.intent)
                return None
        return held

    async def confirm(self, held: Held, state: ClaimState) -> bool:
        """Record that the intent is final; False where the claim had been taken over meanwhile."""
        (recorded,) = await self._record([(held, state)])
        self._ours.discard(held.intent)
        return recorded

    def confirm_later(self, held: Held, state: ClaimState) -> None:
        """Remember that the intent is final, for catch_up."""
        self._ours.discard(held.intent)
        if len(self._owed) >= _MOST_OWED:
            # Its claim stays open until our session ends; whoever takes it over does it again.
            del self._owed[next(iter(self._owed))]
        self._owed[held.intent] = (held, state)

    @property
    def owes(self) -> bool:
        """Whether there is anything for catch_up."""
        return bool(self._owed)

    async def catch_up(self) -> None:
        """Record what confirm_later remembered."""
        while self._owed:
            some = list(islice(self._owed.items(), _CATCH_UP))
            await self._record([owed for _, owed in some])
            for intent, _ in some:
                self._owed.pop(intent, None)

    async def _record(self, ends: Sequence[tuple[Held, ClaimState]]) -> list[bool]:
        answers = await self._store.put([self._write(held.intent, state, held.version) for held, state in ends])
        recorded = []
        for (held, state), answer in zip(ends, answers, strict=True):
            if isinstance(answer, Item):
                recorded.append(True)
                continue
            found = self._read(answer.current) if answer.current else None
            # An earlier write may have got through although its answer did not: the same end, or a claim of ours that
            # was then assumed.
            if found == _Record(ClaimState.CLAIMED, self.session.id) and held.version == ABSENT and answer.current:
                write = self._write(held.intent, state, answer.current.version)
                recorded.append(isinstance((await self._store.put([write]))[0], Item))
            else:
                recorded.append(found == _Record(state, self.session.id))
        return recorded

    async def park(self, intent: str) -> bool:
        """Have what was done before stand as parked, for a redrive to reopen; False while somebody is still at it."""
        (answer,) = await self.claim([intent])
        if isinstance(answer, Held):
            return await self.confirm(answer, ClaimState.PARKED)
        (item,) = await self._store.get([_PREFIX + intent])
        state = self._read(item).state if item is not None else ClaimState.CLAIMED
        if item is not None and state is ClaimState.DONE:
            await self._store.put([self._write(intent, ClaimState.PARKED, item.version)])
        return state is not ClaimState.CLAIMED

    async def release(self, held: Sequence[Held]) -> None:
        """Give up claims that were not acted on to the end."""
        stored = [claim for claim in held if claim.version != ABSENT]
        if stored:
            await self._store.delete([Delete(_PREFIX + claim.intent, claim.version) for claim in stored])
        self._ours.difference_update(claim.intent for claim in held)

    async def _claim_unheld(self, intents: list[str], *, reopen: bool) -> dict[str, Held | Busy | Final]:
        generation = self.session.generation
        answers = await self._store.put([self._write(intent, ClaimState.CLAIMED, ABSENT) for intent in intents])
        won = {answer.key: answer for answer in answers if isinstance(answer, Item)}
        contested = [answer.current for answer in answers if isinstance(answer, Conflict) and answer.current]
        records = {item.key: self._read(item) for item in contested}
        free = await self._abandoned(records)
        if reopen:
            free |= {key for key, record in records.items() if record.state is ClaimState.PARKED}
        if free:
            won |= await self._take_over([item for item in contested if item.key in free])
        results: dict[str, Held | Busy | Final] = {}
        for intent in intents:
            item, record = won.get(_PREFIX + intent), records.get(_PREFIX + intent)
            if item is not None:
                results[intent] = Held(intent, item.version, generation)
            elif record is not None and record.state is not ClaimState.CLAIMED:
                results[intent] = Final(intent, record.state)
            else:
                results[intent] = Busy(intent)
        return results

    def _known(self, intent: str) -> Busy | Final:
        """Return what this process itself knows of an intent that it does not ask the store about."""
        owed = self._owed.get(intent)
        return Busy(intent) if owed is None else Final(intent, owed[1])

    def _read(self, item: Item) -> _Record:
        """Return what stands there; what cannot be read is taken for abandoned: done twice rather than never."""
        try:
            return _decode(item.value)
        except msgspec.DecodeError:
            self.session.found_unreadable(StoredKind.CLAIM, item)
            return _Record(ClaimState.CLAIMED, _NOBODY)

    def _write(self, intent: str, state: ClaimState, expect: int) -> Write:
        value = _encode(_Record(state, self.session.id))
        return Write(_PREFIX + intent, value, expect, self._clock.now() + self._retention)

    async def _abandoned(self, records: dict[str, _Record]) -> set[str]:
        """Return the keys whose session is dead, or is ours: then a call of ours got through without its answer."""
        pending = {key: r.session for key, r in records.items() if r.state is ClaimState.CLAIMED}
        others = set(pending.values()) - {self.session.id}
        alive = await self.session.alive(others) if others else set()
        return {key for key, session in pending.items() if session not in alive}

    async def _take_over(self, items: list[Item]) -> dict[str, Item]:
        writes = [self._write(item.key.removeprefix(_PREFIX), ClaimState.CLAIMED, item.version) for item in items]
        answers = await self._store.put(writes)
        return {answer.key: answer for answer in answers if isinstance(answer, Item)}
