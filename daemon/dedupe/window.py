"""The identities that settled lately in this process: spares matching and the state store most repeats.

pipeline/ adds an identity when its event is final, never on sight.  A miss costs nothing but work, because claims in
the state store are what makes effects happen once.
"""

from __future__ import annotations


class SettledWindow:
    """Holds the last `capacity / 2` to `capacity` identities.

    Two sets that take turns instead of an ordered structure: no bookkeeping on a hit, and dropping the older half is
    one assignment.
    """

    def __init__(self, capacity: int) -> None:
        self._half = max(capacity // 2, 1)
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, identity: str) -> bool:
        return identity in self._young or identity in self._old

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def add(self, identity: str) -> None:
        """Remember that this event is final."""
        self._young.add(identity)
        if len(self._young) >= self._half:
            self._old = self._young
            self._young = set()
