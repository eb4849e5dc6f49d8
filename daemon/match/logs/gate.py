"""Whether a message is worth splitting into fields: most messages that no space-delimited pattern is meant for are not.

matchers.py has one before its space-delimited patterns, so that they cost little on JSON messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from daemon.match.logs.automaton import TooLargeError, compile_search, encodable, literal
from daemon.match.logs.choose import Choice
from daemon.match.logs.syntax import Text
from daemon.match.logs.triggers import Equal, Holds

_BEHIND = (" ", '"', "]")
"""What stands behind a field: a blank (a message with one of another kind passes in any case), or its closing mark."""


class Gate:
    """Lets those messages pass in which the cover of some space-delimited pattern may be."""

    def __init__(self, choices: Iterable[Choice]) -> None:
        strings = _strings(choices)
        try:
            self._holds_any = compile_search(tuple(sorted(map(literal, strings)))) if strings else None
        except TooLargeError:
            self._holds_any = None

    def passing(self, messages: Sequence[str]) -> Iterable[int]:
        """Return the positions of the messages that pass."""
        if self._holds_any is None:
            return range(len(messages))
        searched = [encodable(message + " ") for message in messages]
        return [
            position
            for position, (message, is_found) in enumerate(zip(messages, map(self._holds_any, searched), strict=True))
            if is_found or "\t" in message or "\n" in message or "\r" in message
        ]


def _strings(choices: Iterable[Choice]) -> set[str]:
    """Return strings of which a line and a blank hold one if any of the covers is; nothing if unknown."""
    strings: set[str] = set()
    for choice in choices:
        if choice.cover is None:
            return set()
        for _, fact in choice.cover:
            match fact:
                case Equal(value=str(text)) if text:
                    strings |= {text + behind for behind in _BEHIND}
                case Holds(needle=Text() as text):
                    strings.add(text.longest)
                case _:
                    return set()
    return strings
