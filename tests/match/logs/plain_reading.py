"""A second, plain reading of docs/patterns-logs.md: no index, no automaton, one message at a time.

It shares the parse tree with the library and nothing else, so that the two can be compared on made-up messages.
"""

from __future__ import annotations

import json
import re
from typing import Any

from daemon.match.logs.syntax import (
    And,
    Comparison,
    DelimitedPattern,
    Each,
    JsonPattern,
    JsonTest,
    Number,
    Operator,
    Or,
    Pattern,
    Regex,
    Role,
    State,
    Term,
    TermsPattern,
    Text,
)

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def matches(pattern: Pattern, message: str) -> bool:
    """Return whether the message matches."""
    match pattern:
        case TermsPattern(terms=terms):
            return _terms(terms, message)
        case JsonPattern(condition=condition):
            try:
                document = json.loads(message)
            except ValueError:
                return False
            return isinstance(document, dict) and _holds(condition, document)
        case DelimitedPattern():
            return _fits(pattern, message)


def _terms(terms: tuple[Term, ...], message: str) -> bool:
    optional = [_found(term, message) for term in terms if term.role is Role.OPTIONAL]
    required = [_found(term, message) for term in terms if term.role is Role.REQUIRED]
    excluded = [_found(term, message) for term in terms if term.role is Role.EXCLUDED]
    if required or excluded:
        return all(required) and not any(excluded)
    return any(optional) or not optional


def _found(term: Term, message: str) -> bool:
    return _regex(term.what, message) if isinstance(term.what, Regex) else term.what in message


def _regex(regex: Regex, text: str) -> bool:
    """Search with Python's engine; only tests whose expressions backtrack little may do so."""
    return re.search(regex.source.replace("{,", "{0,"), text, re.ASCII) is not None


def _holds(condition: object, document: dict[str, Any]) -> bool:
    match condition:
        case And(parts=parts):
            return all(_holds(part, document) for part in parts)
        case Or(parts=parts):
            return any(_holds(part, document) for part in parts)
        case JsonTest(selector=selector, test=test):
            values = _selected(document, selector.steps)
            if test is State.ABSENT:
                return not values
            return any(_passes(test, value) for value in values)
    raise AssertionError(condition)


def _selected(value: Any, steps: tuple[object, ...]) -> list[Any]:
    if not steps:
        return [value]
    step, *rest = steps
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = list(value.values()) if step is Each.FIELD else [value[step]] if step in value else []
    elif isinstance(value, list):
        if step is Each.ELEMENT:
            inner = value
        elif isinstance(step, int) and step < len(value):
            inner = [value[step]]
    return [found for one in inner for found in _selected(one, tuple(rest))]


def _passes(test: Comparison | State, value: Any) -> bool:
    if isinstance(test, State):
        return value is {State.NULL: None, State.TRUE: True, State.FALSE: False}[test]
    if isinstance(value, dict | list):
        return False
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(test.operand, Number) and is_number:
        return _ordered(test.operator, value, test.operand.value)
    if test.operator.is_ordering:
        return False
    text = value if isinstance(value, str) else repr(value) if is_number else json.dumps(value)
    return _equal(test, text) == (test.operator is Operator.EQ)


def _equal(test: Comparison, text: str) -> bool:
    match test.operand:
        case Number(text=wanted):
            return text == wanted
        case Text(pieces=pieces):
            return re.fullmatch(".*".join(map(re.escape, pieces)), text, re.DOTALL) is not None
        case Regex() as regex:
            return _regex(regex, text)


def _ordered(operator: Operator, left: float, right: float) -> bool:
    return {
        "=": left == right,
        "!=": left != right,
        ">": left > right,
        "<": left < right,
        ">=": left >= right,
        "<=": left <= right,
    }[operator]


def _fits(pattern: DelimitedPattern, message: str) -> bool:
    fields = fields_of(message)
    slots = pattern.left + (pattern.right or ())
    if len(fields) < len(slots):
        return False
    texts = [text for text, _ in fields]
    if pattern.right is None and len(fields) > len(slots):
        texts = [*texts[: len(slots) - 1], message[fields[len(slots) - 1][1] :]]
    elif pattern.right is not None:
        texts = texts[: len(pattern.left)] + texts[len(texts) - len(pattern.right) :]
    return all(
        slot.condition is None or _slot_holds(slot.condition, text) for slot, text in zip(slots, texts, strict=True)
    )


def _slot_holds(condition: object, text: str) -> bool:
    match condition:
        case And(parts=parts):
            return all(_slot_holds(part, text) for part in parts)
        case Or(parts=parts):
            return any(_slot_holds(part, text) for part in parts)
        case Comparison(operator=operator, operand=Number(value=bound)) if operator.is_ordering:
            return _NUMBER.fullmatch(text) is not None and _ordered(operator, float(text), bound)
        case Comparison():
            return _equal(condition, text) == (condition.operator is Operator.EQ)
    raise AssertionError(condition)


def fields_of(message: str) -> list[tuple[str, int]]:
    """Return the fields of a line with the places where they start."""
    fields = []
    position = 0
    while position < len(message):
        if message[position] in " \t\r\n":
            position += 1
            continue
        closing = {"[": "]", '"': '"'}.get(message[position])
        end = message.find(closing, position + 1) if closing else -1
        if end >= 0:
            fields.append((message[position + 1 : end], position))
            position = end + 1
            continue
        start = position
        while position < len(message) and message[position] not in " \t\r\n":
            position += 1
        fields.append((message[start:position], start))
    return fields
