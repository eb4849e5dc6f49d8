"""Whether a message is worth splitting into fields: most messages that no space-delimited pattern is meant for are not.

matchers.py has one before its space-delimited patterns, so that they cost little on JSON messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress

from daemon.match.logs.automaton import TooLargeError, compile_search, literal
from daemon.match.logs.batch import LINE_BLANKS, Batch
from daemon.match.logs.choose import Choice
from daemon.match.logs.syntax import Text
from daemon.match.logs.triggers import Equal, Holds
from daemon.match.logs.values import TextTest

_MARKS = ('"', "[")
"""What opens a field that may hold blanks, and behind whose end the next field may begin at once."""
_BEHIND = (" ", '"', "]")
"""What stands behind a field: a blank (a message with one of another kind passes in any case), or its closing mark."""


class Gate:
    """Lets those messages pass in which the cover of some space-delimited pattern may be."""

    def __init__(self, choices: Iterable[Choice]) -> None:
        beginnings, wholes = _strings(choices)
        self._begins: TextTest | None = None
        """Finds where a field may begin that is waited for, but for the first one."""
        self._holds: TextTest | None = None
        """Looks more closely: finds whole fields."""
        try:
            if wholes:
                self._begins = compile_search(tuple(sorted(map(literal, beginnings))))
                self._holds = compile_search(tuple(sorted(map(literal, wholes))))
        except TooLargeError:
            self._begins = self._holds = None
        self._firsts = {string[1] for string in beginnings if string[0] == " "}

    def passing(self, batch: Batch) -> Iterable[int]:
        """Return the positions of the messages that pass."""
        positions = range(len(batch.messages))
        begins, holds, texts = self._begins, self._holds, batch.texts
        if begins is None or holds is None:
            return positions
        if not batch.has_line_blanks and self._firsts.isdisjoint(batch.firsts):
            return [position for position in compress(positions, map(begins, texts)) if holds(texts[position] + " ")]
        return [
            position
            for position, text in enumerate(texts)
            if any(map(text.__contains__, LINE_BLANKS))
            or ((text[:1] in self._firsts or begins(text)) and holds(text + " "))
        ]


def _strings(choices: Iterable[Choice]) -> tuple[set[str], set[str]]:
    """Return strings of which a line and a blank hold one if any of the covers is; nothing if unknown."""
    beginnings = {" " + mark for mark in _MARKS}
    wholes: set[str] = set()
    for choice in choices:
        if choice.cover is None:
            return set(), set()
        for _, fact in choice.cover:
            match fact:
                case Equal(value=str(text)) if text:
                    beginnings.add(" " + text)
                    wholes |= {text + behind for behind in _BEHIND}
                case Holds(needle=Text() as text):
                    beginnings.add(" " + text.pieces[0] if text.pieces[0] else text.longest)
                    wholes.add(text.longest)
                case _:
                    return set(), set()
    return beginnings, wholes
