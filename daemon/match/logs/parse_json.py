"""The parser of JSON patterns: `{ ($.eventName = "Put*") && $.errorCode NOT EXISTS }`."""

from __future__ import annotations

import re

from daemon.match.logs.cursor import BLANKS, Cursor
from daemon.match.logs.parse_condition import parse_comparison, parse_condition
from daemon.match.logs.syntax import Each, JsonPattern, JsonTest, Selector, State, Step

MAX_FAN_OUTS = 3
"""Wildcard selectors in one pattern; one wildcard in a selector (FilterAndPatternSyntax, quotas)."""

_STATE = re.compile(r"(?:IS[ \t\r\n]+(?:NULL|TRUE|FALSE)|NOT[ \t\r\n]+EXISTS)(?![\w-])", re.IGNORECASE)
_INDEX = re.compile(r"\[([0-9]{1,18})\]")
_QUOTES = ("'", '"')
_VALUE_STOPS = BLANKS + ")&|}"


def parse_json(cursor: Cursor) -> JsonPattern:
    """Parse what stands between the braces; raises FilterError."""
    fan_outs = 0

    def leaf(cursor: Cursor) -> JsonTest:
        nonlocal fan_outs
        start = cursor.position
        selector = parse_selector(cursor)
        fan_outs += selector.fans_out
        if fan_outs > MAX_FAN_OUTS:
            cursor.fail(f"more than {MAX_FAN_OUTS} wildcard selectors in one pattern", start)
        test = parse_comparison(cursor, start, _VALUE_STOPS) or _state(cursor)
        return JsonTest(selector, test, cursor.text[start : cursor.position])

    condition = parse_condition(cursor, leaf)
    if not cursor.at_end():
        cursor.fail("expected &&, || or the end of the pattern")
    return JsonPattern(condition)


def _state(cursor: Cursor) -> State:
    found = _STATE.match(cursor.text, cursor.position, cursor.end)
    if found is None:
        cursor.fail("expected a comparison (= != > < >= <=), IS NULL, IS TRUE, IS FALSE or NOT EXISTS")
    cursor.position = found.end()
    return State(" ".join(found[0].upper().split()))


def parse_selector(cursor: Cursor) -> Selector:
    """Parse `$.name`, `$.['any name']`, `[0]`, `[*]`, `.*`, chained; raises FilterError."""
    start = cursor.position
    if not cursor.take("$"):
        cursor.fail("a field is written $.name")
    steps: list[Step] = []
    while cursor.peek() in (".", "["):
        steps.append(_step(cursor))
        if sum(isinstance(step, Each) for step in steps) > 1:
            cursor.fail("more than one wildcard in a selector", start)
    if not steps or not (isinstance(steps[0], str) or steps[0] is Each.FIELD):
        cursor.fail("a field is written $.name", start)
    return Selector(cursor.text[start : cursor.position], tuple(steps))


def _step(cursor: Cursor) -> Step:
    has_dot = cursor.take(".")
    if cursor.take("["):
        quote = cursor.peek()
        if quote in _QUOTES:
            return _bracketed_name(cursor, quote)
        cursor.position -= 1
        if not has_dot:
            return _index(cursor)
        cursor.fail("a name in brackets stands in quotes: $.['the name']")
    if cursor.take("*"):
        return Each.FIELD
    return cursor.word() or cursor.fail("a field's name has letters, digits, _ and -; else write $.['the name']")


def _bracketed_name(cursor: Cursor, quote: str) -> str:
    """Step over `'the name']`; there are no escapes, the name ends at the first quote with a bracket behind it."""
    close = cursor.text.find(quote + "]", cursor.position + 1, cursor.end)
    if close < 0:
        cursor.fail("the name in brackets is never closed")
    name = cursor.text[cursor.position + 1 : close]
    cursor.position = close + 2
    return name


def _index(cursor: Cursor) -> Step:
    if cursor.take("[*]"):
        return Each.ELEMENT
    found = _INDEX.match(cursor.text, cursor.position, cursor.end)
    if found is None:
        cursor.fail("an array's element is written [0] or [*]")
    cursor.position = found.end()
    return int(found[1])
