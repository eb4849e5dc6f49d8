"""Which letters a person means."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.dispatch.dead_letters.letter import DeadLetter


@dataclass(frozen=True, slots=True)
class Selection:
    """A letter is meant that fits every part; an empty part fits all."""

    ids: tuple[str, ...] = ()
    """Beginnings of ids."""
    reasons: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """Of the source or target."""
    rules: frozenset[str] = frozenset()
    parked_before: float | None = None
    """Seconds since the epoch."""
    parked_after: float | None = None

    def means(self, letter: DeadLetter) -> bool:
        """Return whether the letter is meant."""
        return (
            (not self.ids or letter.id.startswith(self.ids))
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.names or letter.name in self.names)
            and (not self.rules or letter.rule in self.rules)
            and (self.parked_before is None or letter.parked_at < self.parked_before)
            and (self.parked_after is None or letter.parked_at >= self.parked_after)
        )
