"""Groups in the state store, shared by all processes: alerts join them here, keeper.py takes them out.

Alerts that come at the same time join in one write.  A group is written only over the version it was made from, so that
two processes which add to one group lose nothing of each other's.  What a crash leaves counted and not confirmed is
known by its intent, and not counted again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from anyio import Lock, get_cancelled_exc_class

from daemon.clock import Clock
from daemon.dispatch.alerts.group import Group, Key, Member, joined
from daemon.dispatch.remediation.aside import Aside
from daemon.errors import StateError
from daemon.state.base import ABSENT, Conflict, Delete, Item, StateStore, Write
from daemon.telemetry.names import StoredKind

_PREFIX = "alert-group/"
_OTHERS = (("", "(further groups)"),)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Group).decode


class Kept(NamedTuple):
    """A group as it was last seen in the store."""

    name: str
    group: Group
    version: int


class _Batch:
    """Members that are written together, by the group's name."""

    def __init__(self) -> None:
        self.members: dict[str, tuple[Key, list[Member]]] = {}
        self.is_written = False


class Groups:
    """All groups of a state store, as one process knows them.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock, aside: Aside) -> None:
        self._store = store
        self._aside = aside
        self._clock = clock
        self._turn = Lock()
        self._gathering = _Batch()
        self._known: dict[str, Kept] = {}
        self._confirmed: dict[str, set[bytes]] = {}
        """Intents that are final by now, and still stand in the group as unconfirmed."""
        self._counted: dict[bytes, str] = {}
        """As of the last look: intents that groups have, and that may not be final, with the group's name."""
        self.joined: set[str] = set()
        """Names of the groups that alerts of this process have joined."""

    def known(self, name: str) -> Kept | None:
        """Return a group as it was last seen."""
        return self._known.get(name)

    def all_known(self) -> list[Kept]:
        """Return all groups as they were last seen."""
        return list(self._known.values())

    async def join(self, key: Key, member: Member, most_groups: int) -> str:
        """Return the group's name once the alert is part of it, however often it is told; a group is opened if need be.

        Where `most_groups` of the target are open, further ones are one.
        """
        name = _name_of(key)
        if name not in self._known and self.open_groups()[key.target] >= most_groups and not key.is_held_back:
            key = msgspec.structs.replace(key, by=_OTHERS)
            name = _name_of(key)
        batch = self._gathering
        _, members = batch.members.setdefault(name, (key, []))
        members.append(member)
        try:
            await self._turn.acquire()
        except get_cancelled_exc_class():
            if batch is self._gathering:
                members.remove(member)
            raise
        try:
            if batch is self._gathering:
                self._gathering = _Batch()
                await self._write(batch.members)
                batch.is_written = True
        finally:
            self._turn.release()
        if not batch.is_written:
            raise StateError("alert groups: the write that this alert was part of failed")
        return name

    def confirmed(self, name: str, intent: bytes) -> None:
        """The alert is final, also as its claim tells: the group need not know it by its intent any more."""
        self._confirmed.setdefault(name, set()).add(intent)

    def known_as_final(self, name: str) -> frozenset[bytes]:
        """Return what of the group is final, as far as this process saw to it itself."""
        return frozenset(self._confirmed.get(name, ()))

    def counting(self, intent: bytes) -> Kept | None:
        """Return the group that has an alert since before a crash, whatever its key would be now.

        A look is recent enough: a dead process's claim comes free later than it was last seen to live, and a group with
        an alert whose claim is held does not end (settling.py).
        """
        return self._known.get(self._counted.get(intent, ""))

    def open_groups(self) -> Counter[str]:
        """Return how many groups are known of each target."""
        return Counter(kept.group.key.target for kept in self._known.values())

    async def look(self) -> None:
        """Learn of the groups that other processes opened, changed and closed."""
        before = dict(self._known)
        found: set[str] = set()
        async for item in self._store.scan(_PREFIX):
            found.add(item.key)
            if self._known.get(item.key) is before.get(item.key):
                try:
                    self._learn(item)
                except msgspec.DecodeError:
                    # Left alone: alerts of its key go out by themselves.
                    self._aside.tell(StoredKind.GROUP, item)
        for name, kept in before.items():
            if name not in found and self._known.get(name) is kept:
                self._forget(name)
        self._counted = {intent: name for name, kept in self._known.items() for intent in kept.group.unconfirmed}
        # Of groups that ended while a write failed, or before an alert of theirs was confirmed, only names are left.
        for name in (self._confirmed.keys() | self.joined) - found - self._known.keys():
            self._forget(name)

    async def replace(self, kept: Kept, group: Group | None) -> Kept | None:
        """Put another state of a group in its place, None to end it; return what is kept now.

        None where the group changed meanwhile, or ended: then nothing was written, and `known` has what it is now.
        """
        if group is None:
            (gone,) = await self._store.delete([Delete(kept.name, kept.version)])
            if gone is None:
                self._forget(kept.name)
            else:
                self._learn_of(kept.name, gone.current)
            return None
        (answer,) = await self._store.put([Write(kept.name, _encode(group), kept.version)])
        if isinstance(answer, Conflict):
            self._learn_of(kept.name, answer.current)
            return None
        self._known[kept.name] = Kept(kept.name, group, answer.version)
        return self._known[kept.name]

    async def _write(self, members: dict[str, tuple[Key, list[Member]]]) -> None:
        await self._fetch(name for name, (_, some) in members.items() if some and name not in self._known)
        left = {name: pair for name, pair in members.items() if pair[1]}
        while left:
            confirmed = {name: frozenset(self._confirmed.get(name, ())) for name in left}
            groups = {name: self._with(name, key, some, confirmed[name]) for name, (key, some) in left.items()}
            versions = {name: self._known[name].version if name in self._known else ABSENT for name in left}
            writes = [Write(name, _encode(group), versions[name]) for name, group in groups.items()]
            try:
                answers = await self._store.put(writes)
            except StateError:
                # Whether they got through is not known: look anew before the next try.
                for name in left:
                    self._known.pop(name, None)
                raise
            for name, answer in zip(groups, answers, strict=True):
                if isinstance(answer, Conflict):
                    self._learn_of(name, answer.current)
                    continue
                self._known[name] = Kept(name, groups[name], answer.version)
                self._confirmed.get(name, set()).difference_update(confirmed[name])
                self.joined.add(name)
                del left[name]

    def _with(self, name: str, key: Key, members: list[Member], confirmed: frozenset[bytes]) -> Group:
        kept = self._known.get(name)
        return joined(kept.group if kept else None, key, members, confirmed, self._clock.now())

    async def _fetch(self, names: Iterable[str]) -> None:
        wanted = list(names)
        for item in await self._store.get(wanted) if wanted else ():
            if item is not None:
                self._learn(item)

    def _learn_of(self, name: str, item: Item | None) -> None:
        if item is None:
            self._forget(name)
        else:
            self._learn(item)

    def _learn(self, item: Item) -> None:
        known = self._known.get(item.key)
        if known is None or known.version != item.version:
            self._known[item.key] = Kept(item.key, _decode(item.value), item.version)

    def _forget(self, name: str) -> None:
        self._known.pop(name, None)
        self._confirmed.pop(name, None)
        self.joined.discard(name)


def _name_of(key: Key) -> str:
    """Return the state store's key: the target's name in it is for people who look."""
    held = (key.state, key.held_by, key.until) if key.is_held_back else ()
    digest = hashlib.blake2b(msgspec.msgpack.encode((key.by, held)), digest_size=16).hexdigest()
    return f"{_PREFIX}{key.target}/{digest}"
