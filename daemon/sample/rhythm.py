"""How busy each hour of the day is, for machines, for customers and for people at work.

day.py weighs every kind of call with it, so that a night is quiet, but not with the same calls as a morning.
"""

from __future__ import annotations

from enum import Enum

SLOT_MINUTES = 5
"""CloudTrail delivers about every five minutes (CloudTrail user guide, "How CloudTrail works")."""
SLOTS = 24 * 60 // SLOT_MINUTES


class Rhythm(Enum):
    """Twenty-four factors, one for each hour from midnight UTC; 1 is the busiest that kind of work gets."""

    STEADY = (1.0,) * 24
    CUSTOMERS = (
        0.40, 0.34, 0.30, 0.30, 0.34, 0.42, 0.55, 0.68, 0.80, 0.90, 0.96, 1.00,
        1.00, 0.98, 0.95, 0.92, 0.90, 0.90, 0.92, 0.88, 0.80, 0.70, 0.58, 0.48,
    )  # fmt: skip
    OFFICE = (
        0.02, 0.02, 0.02, 0.02, 0.03, 0.08, 0.25, 0.60, 0.90, 1.00, 1.00, 0.90,
        0.75, 0.90, 1.00, 0.95, 0.80, 0.50, 0.25, 0.15, 0.10, 0.06, 0.04, 0.02,
    )  # fmt: skip

    def at(self, slot: int) -> float:
        """Return the factor of a slot, counted from midnight."""
        return self.value[slot * SLOT_MINUTES // 60]
