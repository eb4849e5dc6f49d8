"""Which triggers each filter of a set waits for, and what is left to test once one of them is there.

A filter's triggers cover it: if it matches, at least one of them is there.  filterset.py calls `choose`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.match.logs.syntax import (
    And,
    Comparison,
    Condition,
    JsonPattern,
    JsonTest,
    Operator,
    Or,
    Pattern,
    Role,
    TermsPattern,
    Text,
)
from daemon.match.logs.triggers import (
    Cover,
    Equal,
    Every,
    Fact,
    Holds,
    Plan,
    Present,
    Some,
    Subject,
    json_plan,
    plan_of,
    triggers,
)

_UNKNOWN = 10
"""Patterns that may still ask for something else: keeps a value asked for once from looking like the only one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How one pattern is found."""

    cover: Cover | None
    """None if the pattern may match whatever a message shows."""
    rest: Pattern | None
    """What has to hold besides, None if the cover says it all."""


def choose(patterns: Sequence[Pattern]) -> list[Choice]:
    """Return the cheapest choice for each pattern.

    Cheap is what few messages show.  The patterns themselves hint at that: the more of those that look at a subject
    ask for the same, the more messages will have it; a subject that few look at tells nothing.
    """
    asked = Counter(trigger for pattern in patterns for trigger in triggers(plan_of(pattern)))
    subjects: Counter[Subject] = Counter()
    for (subject, _), count in asked.items():
        subjects[subject] += count

    def cost(cover: Cover) -> float:
        return sum(
            asked[trigger] / (subjects[trigger[0]] + _UNKNOWN) + _cost_of_looking(trigger[1]) for trigger in cover
        )

    return [_choice(pattern, cost) for pattern in patterns]


def _cost_of_looking(fact: Fact) -> float:
    """Guess what a fact costs beside an equality: how hard it is to find, how often it shows without a match."""
    match fact:
        case Present():
            return 1
        case Equal():
            return 0
        case Holds(needle=Text() as text):
            return 0.02 + 0.1 / len(text.longest)
        case Holds():
            return 0.05


def _choice(pattern: Pattern, cost: Callable[[Cover], float]) -> Choice:
    match pattern:
        case JsonPattern(condition=condition):
            return _json_choice(condition, cost)
        case TermsPattern(deciding=terms):
            roles = {term.role for term in terms}
            is_all = roles <= {Role.OPTIONAL} or (roles == {Role.REQUIRED} and len(terms) == 1)
            return Choice(_cheapest(plan_of(pattern), cost), None if is_all else pattern)
    return Choice(_cheapest(plan_of(pattern), cost), pattern)


def _json_choice(condition: Condition[JsonTest], cost: Callable[[Cover], float]) -> Choice:
    """Return the cheapest of the parts that must all hold; one that its cover proves is not tested again."""
    parts = condition.parts if isinstance(condition, And) else (condition,)
    found = [(cover, part) for part in parts if (cover := _cheapest(json_plan(part), cost)) is not None]
    if not found:
        return Choice(None, JsonPattern(condition))
    cover, covered = min(found, key=lambda pair: cost(pair[0]))
    rest = tuple(part for part in parts if part is not covered or not _is_proved_by_cover(part))
    if not rest:
        return Choice(cover, None)
    return Choice(cover, JsonPattern(rest[0] if len(rest) == 1 else And(rest)))


def _is_proved_by_cover(part: Condition[JsonTest]) -> bool:
    """Return True for an equality, or for one of several: its triggers are there only if it holds."""
    equalities = part.parts if isinstance(part, Or) else (part,)
    return all(
        isinstance(one, JsonTest) and isinstance(one.test, Comparison) and one.test.operator is Operator.EQ
        for one in equalities
    )


def _cheapest(plan: Plan, cost: Callable[[Cover], float]) -> Cover | None:
    match plan:
        case Every(parts=parts):
            found = [cover for part in parts if (cover := _cheapest(part, cost)) is not None]
            return min(found, key=cost, default=None)
        case Some(parts=parts):
            needed = [_cheapest(part, cost) for part in parts]
            known = [cover for cover in needed if cover is not None]
            return frozenset().union(*known) if len(known) == len(needed) else None
    return plan
