"""The identities that settled lately in this process: spares matching and the state store most repeats.

pipeline/ adds an identity when its event is final, never on sight.  A miss costs nothing but work, because claims in
the state store are what makes effects happen once.
"""

from __future__ import annotations


class SettledWindow:
    """Holds the last `capacity / 2` to `capacity` identities, a few more between two calls of `turn`.

    Two sets that take turns instead of an ordered structure: no bookkeeping on a hit, and dropping the older half is
    one assignment.  The sets are open to the one hot loop that looks each event up, pipeline/sift.py.
    """

    def __init__(self, capacity: int) -> None:
        self._half = max(capacity // 2, 1)
        self.young: set[str] = set()
        """Add to this one."""
        self.old: set[str] = set()
        """Look into both."""

    def __contains__(self, identity: str) -> bool:
        return identity in self.young or identity in self.old

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def add(self, identity: str) -> None:
        """Remember that this event is final."""
        self.young.add(identity)
        self.turn()

    def turn(self) -> None:
        """Drop the older half where the younger is full; after adding to `young` directly."""
        if len(self.young) >= self._half:
            self.old, self.young = self.young, set()
