"""From a parse tree to a function that decides one message.

Each kind of pattern looks at a message through its own view, made once and shared by all patterns of a set: the text
itself, the JSON document, or the line of fields.  pattern.py and filterset.py make one Evaluator for all they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from daemon.match.logs.document import Document, Projection, Steps
from daemon.match.logs.fields import Line, slot_texts
from daemon.match.logs.syntax import (
    And,
    Comparison,
    Condition,
    DelimitedPattern,
    Each,
    JsonPattern,
    JsonTest,
    Or,
    Pattern,
    Regex,
    Role,
    State,
    Term,
    TermsPattern,
    leaves,
)
from daemon.match.logs.values import TextTest, contains, field_test, scalar_test, search
from daemon.match.logs.written import ConditionWriter

View: TypeAlias = str | Document | Line
"""A message as text, as a JSON object, or as a line of fields."""
Predicate: TypeAlias = Callable[[Any], bool]
"""Takes the view that goes with the pattern's kind."""


class Evaluator:
    """Decides messages for some patterns."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        tests = [leaf for tree in patterns if isinstance(tree, JsonPattern) for leaf in leaves(tree.condition)]
        self.projection = Projection(test.selector.steps for test in tests)
        self.views: dict[type, Callable[[str], View | None]] = {
            TermsPattern: str,
            JsonPattern: self.projection.view,
            DelimitedPattern: Line,
        }
        """How each kind of pattern looks at a message; None if it cannot, and so does not match."""

    def predicate(self, pattern: Pattern) -> Predicate:
        """Return the function that decides whether a message, seen through the pattern's view, matches."""
        match pattern:
            case TermsPattern():
                return _terms(pattern)
            case JsonPattern(condition=condition):
                return ConditionWriter(self.projection, self.json_test).function(condition)
            case DelimitedPattern():
                return _delimited(pattern)

    def json_test(self, leaf: JsonTest) -> Callable[[Document], bool]:
        """Return the test of one term on a JSON document."""
        steps = leaf.selector.steps
        if leaf.test is State.ABSENT:
            read = self.projection.all_reader(steps)
            return lambda document: not read(document)
        return self._on(steps, _state_test(leaf.test) if isinstance(leaf.test, State) else scalar_test(leaf.test))

    def _on(self, steps: Steps, test: Callable[[object], bool]) -> Callable[[Document], bool]:
        """Return the test on what a selector picks: on the one value, or on any of several."""
        if any(isinstance(step, Each) for step in steps):
            read_all = self.projection.all_reader(steps)
            return lambda document: any(map(test, read_all(document)))
        read = self.projection.reader(steps)
        return lambda document: test(read(document))


def _state_test(state: State) -> Callable[[object], bool]:
    wanted = {State.NULL: None, State.TRUE: True, State.FALSE: False}[state]
    return lambda value: value is wanted


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
    tests = [term_test(term) for term in pattern.deciding]
    is_alternative = bool(tests) and pattern.deciding[0].role is Role.OPTIONAL
    return _any(tests) if is_alternative else _all(tests)


def term_test(term: Term) -> TextTest:
    """Return the test of one term on the text of a message."""
    found = search(term.what.expression) if isinstance(term.what, Regex) else contains(term.what)
    return found if term.role is not Role.EXCLUDED else lambda message: not found(message)


def _delimited(pattern: DelimitedPattern) -> Predicate:
    slots = pattern.left + (pattern.right or ())
    tests = [(index, _field(slot.condition)) for index, slot in enumerate(slots) if slot.condition is not None]

    def fits(line: Line) -> bool:
        texts = slot_texts(pattern, line)
        if texts is None:
            return False
        for index, test in tests:  # noqa: SIM110 - as above
            if not test(texts[index]):
                return False
        return True

    return fits


def _field(condition: Condition[Comparison]) -> TextTest:
    match condition:
        case And(parts=parts):
            return _all([_field(part) for part in parts])
        case Or(parts=parts):
            return _any([_field(part) for part in parts])
    return field_test(condition)
