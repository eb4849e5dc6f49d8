"""Comparisons joined by `&&`, `||` and parentheses: what JSON patterns and space-delimited ones have in common.

Written without recursion, so that no pattern can exhaust the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from daemon.match.logs.cursor import Cursor
from daemon.match.logs.syntax import And, Comparison, Condition, Leaf, Number, Operator, Or

_OPERATOR = re.compile(r">=|<=|!=|=|>|<")
_Group: TypeAlias = "list[list[Condition[Leaf]]]"
"""An open parenthesis: alternatives, each a list of what must hold together."""


def parse_condition(cursor: Cursor, leaf: Callable[[Cursor], Leaf]) -> Condition[Leaf]:
    """Parse up to whatever is neither operator nor parenthesis; `leaf` parses one test.

    Parentheses bind before `&&`, that before `||` (FilterAndPatternSyntax, compound expressions).  Raises FilterError.
    """
    groups: list[_Group[Leaf]] = [[[]]]
    while True:
        cursor.skip_blanks()
        if cursor.take("("):
            groups.append([[]])
            continue
        groups[-1][-1].append(leaf(cursor))
        _close(cursor, groups)
        if cursor.take("&&"):
            continue
        if cursor.take("||"):
            groups[-1].append([])
            continue
        if len(groups) > 1:
            cursor.fail("expected &&, || or )")
        return _fold(groups[0])


def _close(cursor: Cursor, groups: list[_Group[Leaf]]) -> None:
    """Step over closing parentheses, putting each group into the one around it."""
    cursor.skip_blanks()
    while len(groups) > 1 and cursor.take(")"):
        group = _fold(groups.pop())
        groups[-1][-1].append(group)
        cursor.skip_blanks()


def _fold(group: _Group[Leaf]) -> Condition[Leaf]:
    alternatives = []
    for parts in group:
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,))]
        alternatives.append(flat[0] if len(flat) == 1 else And(tuple(flat)))
    flat = [inner for part in alternatives for inner in (part.parts if isinstance(part, Or) else (part,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def parse_comparison(cursor: Cursor, start: int, stops: str) -> Comparison | None:
    """Parse `operator value`, None if there is no operator; `start` is where the field's name stands.

    Raises FilterError, also where an ordering operator has no number behind it.
    """
    cursor.skip_blanks()
    found = _OPERATOR.match(cursor.text, cursor.position, cursor.end)
    if found is None:
        return None
    operator = Operator(found[0])
    cursor.position = found.end()
    cursor.skip_blanks()
    value_at = cursor.position
    operand = cursor.operand(stops)
    if operator.is_ordering and not isinstance(operand, Number):
        cursor.fail(f"{operator} compares with numbers only", value_at)
    return Comparison(operator, operand, cursor.text[start : cursor.position])
