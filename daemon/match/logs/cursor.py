"""A place in a pattern's text, and the lexical rules that all three kinds of pattern share.

The parsers walk it from left to right; whatever AWS would refuse ends in a FilterError that names the character.
"""

from __future__ import annotations

import re
from typing import NoReturn

from daemon.errors import FilterError
from daemon.match.logs.regex import parse_regex
from daemon.match.logs.syntax import Number, Operand, Regex, Text

BLANKS = " \t\r\n"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MAX_NUMBER_CHARACTERS = 400  # a double has at most 309 digits before its point; int() is quadratic in the digits


def parse_number(text: str) -> int | float | None:
    """Return the number that `text` spells (sign, decimals and exponent allowed), None if it is not one."""
    if len(text) > _MAX_NUMBER_CHARACTERS or _NUMBER.fullmatch(text) is None:
        return None
    return float(text) if any(mark in text for mark in ".eE") else int(text)


class Cursor:
    """Reads a pattern's text between two positions."""

    def __init__(self, text: str, position: int, end: int, max_regexes: int | None = None) -> None:
        self.text = text
        self.position = position
        self.end = end
        self._max_regexes = max_regexes
        self._regexes = 0

    def fail(self, reason: str, position: int | None = None) -> NoReturn:
        """Raise FilterError at the given position, or where the cursor stands."""
        raise FilterError(self.position if position is None else position, reason)

    def at_end(self) -> bool:
        """True if nothing is left."""
        return self.position >= self.end

    def peek(self) -> str:
        """Return the next character, "" at the end."""
        return self.text[self.position] if self.position < self.end else ""

    def skip_blanks(self) -> None:
        """Go to the next character that is no blank."""
        while self.position < self.end and self.text[self.position] in BLANKS:
            self.position += 1

    def take(self, literal: str) -> bool:
        """Step over `literal` if it comes next."""
        if not self.text.startswith(literal, self.position, self.end):
            return False
        self.position += len(literal)
        return True

    def run(self, stops: str) -> str:
        """Step over everything before the first of `stops` or the end, and return it."""
        start = self.position
        while self.position < self.end and self.text[self.position] not in stops:
            self.position += 1
        return self.text[start : self.position]

    def word(self) -> str:
        """Step over letters, digits, `_` and `-`, and return them: the name of a field or slot."""
        start = self.position
        while self.position < self.end and (self.text[self.position].isalnum() or self.text[self.position] in "_-"):
            self.position += 1
        return self.text[start : self.position]

    def quoted(self) -> str:
        r"""Step over a string in double quotes and return what it spells: `\"` is a quote, `\\` a backslash."""
        start = self.position
        self.position += 1
        spelled: list[str] = []
        while not self.take('"'):
            if self.at_end():
                self.fail("the quote is never closed", start)
            if self.take('\\"') or self.take("\\\\"):
                spelled.append(self.text[self.position - 1])
            else:
                spelled.append(self.peek())
                self.position += 1
        return "".join(spelled)

    def regex(self) -> Regex:
        """Step over `%...%` and return it; no percent sign can stand inside (write it as x25 behind a backslash)."""
        start = self.position
        close = self.text.find("%", start + 1, self.end)
        if close < 0:
            self.fail("the regular expression is never closed by %", start)
        self._regexes += 1
        if self._max_regexes is not None and self._regexes > self._max_regexes:
            self.fail(f"more than {self._max_regexes} regular expressions in one pattern", start)
        self.position = close + 1
        return parse_regex(self.text[start + 1 : close], start + 1)

    def operand(self, stops: str) -> Operand:
        """Step over the value behind an operator: quoted, %regex%, number, or a bare run up to one of `stops`."""
        if self.peek() == '"':
            return Text(tuple(self.quoted().split("*")))
        if self.peek() == "%":
            return self.regex()
        start = self.position
        bare = self.run(stops)
        if not bare:
            self.fail("a value must follow the operator")
        for at, character in enumerate(bare, start):
            if not _may_stand_bare(character) or (at == start and character in "=!<>"):
                self.fail(f"invalid character {character!a} in {bare!a}: put the value in double quotes", at)
        value = parse_number(bare)
        if value is None:
            return Text(tuple(bare.split("*")))
        if value in (float("inf"), float("-inf")):
            self.fail("the number is too large", start)
        return Number(bare, value)


def _may_stand_bare(character: str) -> bool:
    """AWS's own examples leave `.`, `-`, `*` unquoted; quotes of any style are seen refused."""
    if character.isascii():
        return character.isprintable() and character not in "\"'"
    return character.isalnum()
