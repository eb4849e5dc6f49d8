"""Finds CloudWatch Logs filter patterns that nothing satisfies, that rule nothing out, or parts of which do not count.

Only what two tests of one field say of each other is looked at: the slips that people make (`!=` joined by `||`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any, TypeAlias

from daemon.match.lint.findings import Finding, LintCode
from daemon.match.logs.syntax import (
    And,
    Comparison,
    DelimitedPattern,
    JsonPattern,
    JsonTest,
    Number,
    Operator,
    Or,
    Pattern,
    Role,
    State,
    TermsPattern,
    Text,
)

_Leaf: TypeAlias = JsonTest | Comparison
_Joint: TypeAlias = type[And[Any] | Or[Any]]
_Node: TypeAlias = And[Any] | Or[Any] | JsonTest | Comparison
_Judge: TypeAlias = Callable[[_Leaf, _Leaf], bool]


def lint_filter(pattern: Pattern) -> Iterator[Finding]:
    """Yield what is to say about a filter."""
    match pattern:
        case TermsPattern():
            yield from _terms(pattern)
        case JsonPattern(condition=condition):
            yield from _conditions([condition])
        case DelimitedPattern():
            slots = pattern.left + (pattern.right or ())
            yield from _conditions([slot.condition for slot in slots if slot.condition is not None])


def _terms(pattern: TermsPattern) -> Iterator[Finding]:
    for term in pattern.terms:
        if term not in pattern.deciding:
            message = f"{term.role}{term.text} does not count: a term without ? stands beside it"
            yield Finding(LintCode.IGNORED_TERM, "$", message)
    required = [term.what for term in pattern.deciding if term.role is Role.REQUIRED]
    excluded = [term.what for term in pattern.deciding if term.role is Role.EXCLUDED]
    for what in excluded:
        inside = [text for text in required if isinstance(what, str) and isinstance(text, str) and what in text]
        if what == "" or inside:
            why = f"is in {inside[0]!r}, which is asked for" if what else "is in every message"
            yield Finding(LintCode.FILTER_CANNOT_MATCH, "$", f"nothing matches: what is excluded, {what!r}, {why}")
    everywhere = [term.what == "" for term in pattern.deciding]
    if not excluded and everywhere and (all(everywhere) or (not required and any(everywhere))):
        yield Finding(LintCode.FILTER_MATCHES_ALL, "$", "an empty or blank term is found in every message")


def _conditions(conditions: Sequence[_Node]) -> Iterator[Finding]:
    for condition in conditions:
        clash = _found(condition, (And, Or), _exclude_each_other)
        if clash:
            message = f"nothing matches: {clash[0].text} and {clash[1].text} never hold together"
            yield Finding(LintCode.FILTER_CANNOT_MATCH, "$", message)
        cover = _found(condition, (Or, And), _leave_nothing_out)
        if cover:
            message = f"{cover[0].text} or {cover[1].text} holds for whatever is there; && was meant, perhaps"
            yield Finding(LintCode.FILTER_MATCHES_ALL, "$", message)


def _found(condition: _Node, joints: tuple[_Joint, _Joint], judge: _Judge) -> tuple[_Leaf, _Leaf] | None:
    """Return two tests that settle a condition: any pair settles the first kind of joint, the other needs all parts."""
    deciding, gathering = joints
    if isinstance(condition, deciding):
        for one, other in combinations(_flat(condition, deciding), 2):
            if judge(one, other):
                return one, other
        return next((found for part in condition.parts if (found := _found(part, joints, judge))), None)
    if isinstance(condition, gathering):
        found_each = [_found(part, joints, judge) for part in condition.parts]
        return found_each[0] if all(found_each) else None
    return None


def _flat(condition: _Node, joint: _Joint) -> Iterator[_Leaf]:
    """Yield the tests joined by nothing else."""
    if isinstance(condition, joint):
        for part in condition.parts:
            yield from _flat(part, joint)
    elif isinstance(condition, JsonTest | Comparison):
        yield condition


def _same_value(one: _Leaf, other: _Leaf) -> tuple[Comparison | State, Comparison | State] | None:
    """Return the tests of both, if they look at the same single value."""
    if isinstance(one, JsonTest) and isinstance(other, JsonTest):
        alike = one.selector.steps == other.selector.steps and not one.selector.fans_out
        return (one.test, other.test) if alike else None
    if isinstance(one, Comparison) and isinstance(other, Comparison):
        return one, other
    return None


def _exclude_each_other(one: _Leaf, other: _Leaf) -> bool:
    tests = _same_value(one, other)
    if tests is None:
        return False
    if any(isinstance(test, State) for test in tests):
        return tests[0] is not tests[1] and (State.ABSENT in tests or all(isinstance(test, State) for test in tests))
    first, second = (test for test in tests if isinstance(test, Comparison))
    operators = {first.operator, second.operator}
    if operators == {Operator.EQ}:
        return _differ(first, second)
    if operators == {Operator.EQ, Operator.NE}:
        return first.operand == second.operand
    return _no_number_between(first, second)


def _leave_nothing_out(one: _Leaf, other: _Leaf) -> bool:
    tests = _same_value(one, other)
    if tests is None:
        return False
    # A field that is missing makes both false: "always" means wherever the field is.
    comparisons = [test for test in tests if isinstance(test, Comparison) and test.operator is Operator.NE]
    return len(comparisons) == 2 and _differ(*comparisons)


def _differ(one: Comparison, other: Comparison) -> bool:
    """Tell whether no value equals both operands: two texts without a star, or two numbers."""
    if isinstance(one.operand, Text) and isinstance(other.operand, Text):
        texts = one.operand.exact, other.operand.exact
        return None not in texts and texts[0] != texts[1]
    return isinstance(one.operand, Number) and isinstance(other.operand, Number) and one.number != other.number


def _no_number_between(one: Comparison, other: Comparison) -> bool:
    """Tell whether the ranges of two comparisons by order have no number in common."""
    for low, high in ((one, other), (other, one)):
        if low.operator in (Operator.GT, Operator.GE) and high.operator in (Operator.LT, Operator.LE):
            if low.number is None or high.number is None:
                return False
            is_closed = low.operator is Operator.GE and high.operator is Operator.LE
            return low.number > high.number or (low.number == high.number and not is_closed)
    return False
