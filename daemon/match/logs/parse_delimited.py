"""The parser of space-delimited patterns: `[ip, user, ..., status = 4* || status = 500, bytes > 1000]`."""

from __future__ import annotations

from daemon.match.logs.cursor import BLANKS, Cursor
from daemon.match.logs.parse_condition import parse_comparison, parse_condition
from daemon.match.logs.syntax import Comparison, Condition, DelimitedPattern, Slot

_VALUE_STOPS = BLANKS + ",)&|"


def parse_delimited(cursor: Cursor) -> DelimitedPattern:
    """Parse what stands between the brackets; raises FilterError.

    Nothing at all is the same as `...`; between commas, nothing is a slot without a name.
    """
    cursor.skip_blanks()
    if cursor.at_end():
        return DelimitedPattern((), ())
    slots: list[Slot] = []
    left: tuple[Slot, ...] | None = None
    while True:
        cursor.skip_blanks()
        if cursor.take("..."):
            if left is not None:
                cursor.fail("... stands at most once in a pattern", cursor.position - 3)
            left, slots = tuple(slots), []
        else:
            slots.append(_slot(cursor))
        cursor.skip_blanks()
        if cursor.at_end():
            break
        if not cursor.take(","):
            cursor.fail("expected a comma or the end of the pattern")
    if left is None:
        return DelimitedPattern(tuple(slots), None)
    return DelimitedPattern(left, tuple(slots))


def _slot(cursor: Cursor) -> Slot:
    if cursor.at_end() or cursor.peek() == ",":
        return Slot(None, None)
    if cursor.peek() != "(":
        start = cursor.position
        name = cursor.word()
        cursor.skip_blanks()
        if name and (cursor.at_end() or cursor.peek() == ","):
            return Slot(name, None)
        cursor.position = start
    names: list[str] = []

    def leaf(cursor: Cursor) -> Comparison:
        start = cursor.position
        names.append(cursor.word())
        if not names[-1]:
            cursor.fail("a slot's name has letters, digits, _ and -")
        if names[-1] != names[0]:
            cursor.fail(f"one slot cannot test two fields, {names[0]} and {names[-1]}", start)
        return parse_comparison(cursor, start, _VALUE_STOPS) or cursor.fail("expected a comparison (= != > < >= <=)")

    condition: Condition[Comparison] = parse_condition(cursor, leaf)
    return Slot(names[0], condition)
