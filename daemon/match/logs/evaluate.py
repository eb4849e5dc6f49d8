"""From a parse tree to a function that decides one message.

Each kind of pattern looks at a message through its own view, made once and shared by all patterns of a set:
the text itself, the JSON document, or the line of fields.  pattern.py and filterset.py call `compile_pattern`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from daemon.match.logs.document import Document, reader, single_reader
from daemon.match.logs.fields import Line, slot_texts
from daemon.match.logs.syntax import (
    And,
    Condition,
    DelimitedPattern,
    JsonPattern,
    JsonTest,
    Or,
    Pattern,
    Regex,
    Role,
    State,
    Term,
    TermsPattern,
)
from daemon.match.logs.values import TextTest, field_test, scalar_test, search

View: TypeAlias = str | Document | Line
"""A message as text, as a JSON object, or as a line of fields."""
Predicate: TypeAlias = Callable[[Any], bool]
"""Takes the view that goes with the pattern's kind."""


def compile_pattern(pattern: Pattern) -> Predicate:
    """Return the function that decides whether a message, seen through the pattern's view, matches."""
    match pattern:
        case TermsPattern():
            return _terms(pattern)
        case JsonPattern(condition=condition):
            return _condition(condition, _json_test)
        case DelimitedPattern():
            return _delimited(pattern)


def _condition(condition: Condition, leaf: Callable[[Any], Predicate]) -> Predicate:
    match condition:
        case And(parts=parts):
            return _all([_condition(part, leaf) for part in parts])
        case Or(parts=parts):
            return _any([_condition(part, leaf) for part in parts])
    return leaf(condition)


def _all(predicates: list[Predicate]) -> Predicate:
    def every(view: View) -> bool:
        for predicate in predicates:  # noqa: SIM110 - all() with a generator takes three times as long
            if not predicate(view):
                return False
        return True

    return every if len(predicates) != 1 else predicates[0]


def _any(predicates: list[Predicate]) -> Predicate:
    def some(view: View) -> bool:
        for predicate in predicates:  # noqa: SIM110 - as above
            if predicate(view):
                return True
        return False

    return some if len(predicates) != 1 else predicates[0]


def _terms(pattern: TermsPattern) -> Predicate:
    tests = [_term(term) for term in pattern.deciding]
    is_alternative = bool(tests) and pattern.deciding[0].role is Role.OPTIONAL
    return _any(tests) if is_alternative else _all(tests)


def _term(term: Term) -> TextTest:
    contains = found_in(term.what)
    return contains if term.role is not Role.EXCLUDED else lambda message: not contains(message)


def found_in(what: str | Regex) -> TextTest:
    """Return the test whether a message holds a string or a match of an expression."""
    if isinstance(what, Regex):
        return search(what.expression)
    return lambda message: what in message


def _json_test(leaf: JsonTest) -> Predicate:
    if leaf.test is State.ABSENT:
        read = reader(leaf.selector)
        return lambda document: not read(document)
    test = _state_test(leaf.test) if isinstance(leaf.test, State) else scalar_test(leaf.test)
    if leaf.selector.fans_out:
        read_all = reader(leaf.selector)
        return lambda document: any(map(test, read_all(document)))
    read_one = single_reader(leaf.selector)
    return lambda document: test(read_one(document))


def _state_test(state: State) -> Callable[[object], bool]:
    wanted = {State.NULL: None, State.TRUE: True, State.FALSE: False}[state]
    return lambda value: value is wanted


def _delimited(pattern: DelimitedPattern) -> Predicate:
    slots = pattern.left + (pattern.right or ())
    tests = [
        (index, _condition(slot.condition, field_test))
        for index, slot in enumerate(slots)
        if slot.condition is not None
    ]

    def fits(line: Line) -> bool:
        texts = slot_texts(pattern, line)
        if texts is None:
            return False
        for index, test in tests:  # noqa: SIM110 - as above
            if not test(texts[index]):
                return False
        return True

    return fits
