r"""The regular expressions of filter patterns: a checked subset, rewritten for the automaton that runs it.

cursor.py hands over what stands between two percent signs.  Allowed are letters, digits, blanks, `: _ # = @ / ; , -`,
the operators `^ $ ? [ ] { } | \ * + .` and the escapes \d \D \s \S \w \W \xhh (AWS, "Supported regular expressions
syntax"); groups, look-around, back references and lazy quantifiers do not exist.
"""

from __future__ import annotations

import re
from typing import NoReturn

from daemon.errors import FilterError
from daemon.match.logs.syntax import Regex

MAX_REPEAT = 1_000
MAX_STATES = 1_000
"""Characters to match once all counts are written out: bounds the time per character of a message."""

_SYMBOLS = " :_#=@/;,-"
_OPERATORS = "^$?[]{}|\\*+."
_CLASSES = {"d": "0-9", "s": " \\t\\n", "w": "a-zA-Z_0-9"}
_HEX = re.compile(r"x([0-9A-Fa-f]{2})")
_COUNT = re.compile(r"\{(?:([0-9]{1,9})|([0-9]{0,9}),([0-9]{0,9}))\}")


def parse_regex(source: str, offset: int) -> Regex:
    """Check the text between two percent signs; `offset` is where it stands in the pattern.

    Raises FilterError for what AWS does not support, and for counts beyond MAX_REPEAT or MAX_STATES.
    """
    return _Parser(source, offset).parse()


class _Parser:
    """Walks the expression once, writing the automaton's form of each piece."""

    def __init__(self, source: str, offset: int) -> None:
        self._source = source
        self._offset = offset
        self._position = 0
        self._states = 0
        self._written: list[str] = []
        self._strings = [""]
        """Runs of characters that every match holds."""

    def parse(self) -> Regex:
        if not self._source:
            self._fail("the regular expression is empty")
        has_alternatives = False
        while self._position < len(self._source):
            start = self._position
            if self._source[start] in "^$|":
                has_alternatives |= self._source[start] == "|"
                self._mark()
            else:
                self._repeated(*self._atom())
            if self._states > MAX_STATES:
                self._fail(f"more than {MAX_STATES} characters once the counts are written out", start)
        if has_alternatives:
            self._strings = [""]
        # An anchor at the very start leaves "" for what stands before it, and the next run begins behind it.
        beginning = self._strings[1] if self._source[0] == "^" and not has_alternatives else ""
        return Regex(self._source, "".join(self._written), self._states, max(self._strings, key=len), beginning)

    def _fail(self, reason: str, position: int | None = None) -> NoReturn:
        raise FilterError(self._offset + (self._position if position is None else position), reason)

    def _mark(self) -> None:
        """Step over an anchor or a bar, which cannot be repeated."""
        mark = self._next()
        self._written.append(r"\n?\z" if mark == "$" else mark)  # the line's own newline may stand before the end
        self._strings.append("")

    def _repeated(self, character: str | None, form: str) -> None:
        """Write an atom, the character if it is just one, with the quantifier that follows it."""
        low, high, quantifier = self._quantifier()
        self._written.append(form + quantifier)
        self._states += max(1, low, high)
        if character is None or low == 0:
            self._strings.append("")
            return
        self._strings[-1] += character
        if quantifier:
            self._strings.append(character)

    def _atom(self) -> tuple[str | None, str]:
        """Step over one character, class or escape; return the character, None for a class, and its form."""
        character = self._next()
        match character:
            case ".":
                return None, r"[^\n]"
            case "[":
                return None, self._class()
            case "\\":
                return self._escape()
            case "?" | "*" | "+" | "{":
                self._fail(f"there is nothing for {character} to repeat", self._position - 1)
        return character, _literal(character)

    def _next(self) -> str:
        """Step over one character that AWS allows."""
        if self._position == len(self._source):
            self._fail("the regular expression ends too early")
        character = self._source[self._position]
        if not (character.isascii() and (character.isalnum() or character in _SYMBOLS + _OPERATORS)):
            self._fail(f"{character!a} is not supported in a regular expression: write it as \\xhh")
        self._position += 1
        return character

    def _escape(self) -> tuple[str | None, str]:
        """Step over what follows a backslash; return the character it stands for, None for a class, and its form."""
        found = _HEX.match(self._source, self._position)
        if found:
            self._position = found.end()
            character = chr(int(found[1], 16))
            return character, _literal(character)
        character = self._next()
        members = _CLASSES.get(character.lower())
        if members is not None:
            return None, f"[{members}]" if character.islower() else f"[^{members}]"
        if character.isalnum():
            self._fail(f"\\{character} is not supported in a regular expression", self._position - 2)
        return character, _literal(character)

    def _class(self) -> str:
        """Step over the rest of `[...]` and return the class rewritten."""
        start = self._position - 1
        opening = "["
        if self._source.startswith("^", self._position):
            self._position += 1
            opening = "[^"
        members: list[str] = []
        while not (self._source.startswith("]", self._position) and members):
            if self._position == len(self._source):
                self._fail("the character class is never closed", start)
            members.append(self._class_member())
        self._position += 1
        return f"{opening}{''.join(members)}]"

    def _class_member(self) -> str:
        """Step over one character, escape or range of a class."""
        start = self._position
        low, written = self._class_character()
        is_range = self._source.startswith("-", self._position) and self._source[self._position + 1 :][:1] != "]"
        if not is_range:
            return written
        self._position += 1
        high, high_written = self._class_character()
        if low is None or high is None or low > high:
            self._fail("the range of characters is not in order", start)
        return f"{written}-{high_written}"

    def _class_character(self) -> tuple[str | None, str]:
        character = self._next()
        if character == "\\":
            return self._escape()
        if character == "[":
            self._fail("write [ inside a character class as \\[", self._position - 1)
        return character, _literal(character)

    def _quantifier(self) -> tuple[int, int, str]:
        """Step over an optional quantifier and return its bounds (the low one where there is no other) and its form."""
        start = self._position
        following = self._source[start : start + 1]
        if following not in ("?", "*", "+", "{"):
            return 1, 1, ""
        if following == "{":
            low, high, written = self._count()
        else:
            self._position += 1
            low, high, written = int(following == "+"), 1, following
        if self._source[self._position : self._position + 1] in ("?", "*", "+", "{"):
            self._fail("a quantifier cannot be followed by another")
        return low, high, written

    def _count(self) -> tuple[int, int, str]:
        found = _COUNT.match(self._source, self._position)
        if found is None or found[0] == "{,}":
            self._fail("{ must hold a count: {3}, {3,}, {,5} or {3,5}; write { itself as \\{")
        low = int(found[1] or found[2] or 0)
        high = int(found[1] or found[3] or low)
        if high < low or high > MAX_REPEAT:
            self._fail(f"a count runs from low to high, up to {MAX_REPEAT}")
        self._position = found.end()
        is_open = found[1] is None and not found[3]
        return low, high, f"{{{low},}}" if is_open else f"{{{low},{high}}}"


def _literal(character: str) -> str:
    return character if character.isascii() and character.isalnum() else f"\\x{{{ord(character):x}}}"
