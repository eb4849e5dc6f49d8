"""JSON paths into a pattern ("$.detail.a[0].numeric"): spelled, taken apart, and found again in the pattern's text.

pattern.py names every place with them, rules/ turns them into the lines of a rule file.
"""

from __future__ import annotations

import json
import re
from typing import Final, TypeAlias

Part: TypeAlias = str | int
"""A member's name, or an element's position."""

_PLAIN_NAME: Final = re.compile(r"[\w$-]+")
_PART: Final = re.compile(r'\[(\d+)\]|\[("[^"\\]*(?:\\.[^"\\]*)*")\]|\.([\w$-]+)')
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def member(place: str, name: str) -> str:
    """Return the path of the member `name` of the object at `place`."""
    return f"{place}.{name}" if _PLAIN_NAME.fullmatch(name) else f"{place}[{json.dumps(name)}]"


def parts(place: str) -> tuple[Part, ...]:
    """Take a path apart."""
    found = _PART.finditer(place)
    return tuple(int(m[1]) if m[1] else json.loads(m[2]) if m[2] else m[3] for m in found)


def line_of(text: str, place: str) -> int:
    """Return the line, from 1, on which a place begins in JSON text, known to be valid; of a repeated name the last.

    One pass over the text's tokens, whatever its depth: paths are compared, never built.
    """
    wanted = parts(place)
    found = 0
    levels: list[_Level] = []
    for token in _TOKEN.finditer(text):
        first = token[0][0]
        level = levels[-1] if levels else None
        if level and level.takes_member(token[0]) and level.is_on_way and level.part == wanted[len(levels) - 1]:
            level.leads_on = True
            found = token.start() if len(levels) == len(wanted) else found
        if first in "{[":
            is_on_way = len(levels) < len(wanted) and (level is None or level.leads_on)
            levels.append(_Level(is_array=first == "[", is_on_way=is_on_way))
        elif first in "}]":
            levels.pop()
    return text.count("\n", 0, found) + 1


class _Level:
    """An object or array that is open."""

    __slots__ = ("_awaits", "is_array", "is_on_way", "leads_on", "part")

    def __init__(self, *, is_array: bool, is_on_way: bool) -> None:
        self.is_array = is_array
        self.is_on_way = is_on_way
        """Whether the wanted place may be inside."""
        self.leads_on = False
        """Whether it may be inside the member that is being read."""
        self.part: Part = -1
        self._awaits = True

    def takes_member(self, written: str) -> bool:
        """Take the next token of this level; tell whether a member begins with it."""
        if written == ",":
            self._awaits = True
            self.leads_on = False
        if not self._awaits or written in (",", "}", "]"):
            return False
        self._awaits = False
        if isinstance(self.part, int) and self.is_array:
            self.part += 1
        elif self.is_on_way:
            self.part = json.loads(written)
        return True
