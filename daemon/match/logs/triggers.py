"""What a message must show before a filter of a set can match: the few facts worth indexing.

choose.py picks the triggers of each filter from the plan that is made here, index.py finds the filters whose triggers a
message shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from daemon.match.logs.syntax import (
    And,
    Comparison,
    Condition,
    DelimitedPattern,
    JsonPattern,
    JsonTest,
    Leaf,
    Number,
    Operator,
    Or,
    Pattern,
    Regex,
    Role,
    State,
    Step,
    Term,
    TermsPattern,
    Text,
)


@dataclass(frozen=True, slots=True)
class Whole:
    """The text of the message."""


@dataclass(frozen=True, slots=True)
class Place:
    """A field of a space-delimited line."""

    index: int
    """From the left, or negative from the right."""
    takes_rest: bool
    """True for the last slot of a pattern without `...`."""


Subject: TypeAlias = Whole | Place | tuple[Step, ...]
"""What a trigger looks at; a tuple is the steps of a JSON selector."""


@dataclass(frozen=True, slots=True)
class Present:
    """The subject is there."""


@dataclass(frozen=True, slots=True)
class Equal:
    """The subject is this text, or this number."""

    value: str | int | float


@dataclass(frozen=True, slots=True)
class Holds:
    """The subject's text matches a string with stars, or holds a match of a regular expression."""

    needle: Text | Regex


Fact: TypeAlias = Present | Equal | Holds
Trigger: TypeAlias = tuple[Subject, Fact]
Cover: TypeAlias = frozenset[Trigger]
"""If a filter matches, at least one of these triggers is there."""


@dataclass(frozen=True, slots=True)
class Every:
    """All parts must hold, so any one part's cover will do."""

    parts: Sequence[Plan]


@dataclass(frozen=True, slots=True)
class Some:
    """One part must hold, so the covers of all parts are needed."""

    parts: Sequence[Plan]


Plan: TypeAlias = Every | Some | Cover | None
"""How a condition can be covered; None if nothing need be there for it to hold."""


def triggers(plan: Plan) -> Iterator[Trigger]:
    """Yield every trigger of a plan."""
    match plan:
        case Every(parts=parts) | Some(parts=parts):
            for part in parts:
                yield from triggers(part)
        case frozenset():
            yield from plan


def plan_of(pattern: Pattern) -> Plan:
    """Return how a pattern can be covered."""
    match pattern:
        case JsonPattern(condition=condition):
            return json_plan(condition)
        case DelimitedPattern():
            return Every([_condition_plan(condition, leaf) for condition, leaf in _places(pattern)])
        case TermsPattern(deciding=terms):
            is_alternative = bool(terms) and terms[0].role is Role.OPTIONAL
            return (Some if is_alternative else Every)([_term_leaf(term) for term in terms])


def json_plan(condition: Condition[JsonTest]) -> Plan:
    """Return how a condition on a JSON document can be covered."""
    return _condition_plan(condition, _json_leaf)


def _condition_plan(condition: Condition[Leaf], leaf: Callable[[Leaf], Plan]) -> Plan:
    match condition:
        case And(parts=parts):
            return Every([_condition_plan(part, leaf) for part in parts])
        case Or(parts=parts):
            return Some([_condition_plan(part, leaf) for part in parts])
    return leaf(condition)


def _term_leaf(term: Term) -> Plan:
    if term.role is Role.EXCLUDED or term.what == "":
        return None
    needle = term.what if isinstance(term.what, Regex) else Text(("", term.what, ""))
    return frozenset({(Whole(), Holds(needle))})


def _places(pattern: DelimitedPattern) -> Iterator[tuple[Condition[Comparison], Callable[[Comparison], Plan]]]:
    right = pattern.right or ()
    slots = [*enumerate(pattern.left), *enumerate(right, start=-len(right))]
    for index, slot in slots:
        if slot.condition is not None:
            place = Place(index, takes_rest=pattern.right is None and index == len(pattern.left) - 1)
            yield slot.condition, partial(_field_leaf, place)


def _field_leaf(place: Place, leaf: Comparison) -> Plan:
    if leaf.operator is Operator.EQ and isinstance(leaf.operand, Number):
        return frozenset({(place, Equal(leaf.operand.text))})
    return frozenset({_comparison_trigger(place, leaf)})


def _json_leaf(leaf: JsonTest) -> Plan:
    subject = leaf.selector.steps
    match leaf.test:
        case State.ABSENT:
            return None
        case State():
            return frozenset({(subject, Equal(leaf.test.split()[-1].lower()))})
        case Comparison(operator=Operator.EQ, operand=Number(text=text, value=value)):
            return frozenset({(subject, Equal(text)), (subject, Equal(value))})
    return frozenset({_comparison_trigger(subject, leaf.test)})


def _comparison_trigger(subject: Subject, comparison: Comparison) -> Trigger:
    operand = comparison.operand
    if comparison.operator is not Operator.EQ or isinstance(operand, Number):
        return subject, Present()
    if isinstance(operand, Text):
        if operand.exact is not None:
            return subject, Equal(operand.exact)
        if not any(operand.pieces):
            return subject, Present()
    return subject, Holds(operand)
