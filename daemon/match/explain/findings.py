"""What an explanation says; plain data, which cli/explain.py prints or gives out as JSON."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeenValue:
    """A value that the event has in a field."""

    place: str
    """Where: names, and positions in arrays."""
    value: str
    """As JSON, cut."""
    holds: bool
    """Whether one of the field's tests holds for it."""


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """One field of a pattern."""

    field: str
    place: str
    """JSON path of the field in the pattern."""
    tests: tuple[str, ...]
    """The first of them, as JSON, cut; one must hold."""
    tests_in_all: int
    seen: tuple[SeenValue, ...]
    """The first of them, those that hold before the others."""
    values_in_all: int
    """0: the event has no value there."""
    holds: bool
    hints: tuple[str, ...]
    """What may have been meant, where the field fails."""


@dataclass(frozen=True, slots=True)
class AlternativeFinding:
    """One way through the `$or` of a pattern: all its fields must hold, in the same elements of arrays."""

    number: int
    """In the pattern's order, from 0."""
    fields: tuple[FieldFinding, ...]
    """Those that fail come first."""
    disagreement: str | None
    """Which fields hold only in different elements of an array, if that is what fails."""

    @property
    def matches(self) -> bool:
        """Whether all of it holds."""
        return self.disagreement is None and all(finding.holds for finding in self.fields)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A pattern on an event."""

    misses: int
    """How many tests fail in the alternative that comes nearest: 0 for a match."""
    alternatives: tuple[AlternativeFinding, ...]
    """Those in which the fewest tests fail, nearest first."""
    alternatives_in_all: int
