"""Whether a message is worth splitting into fields: most messages that no space-delimited pattern is meant for are not.

filterset.py puts the gate before the line view of its delimited patterns, so that they cost little on JSON messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from daemon.match.logs.automaton import TooLargeError, compile_search, encodable, literal
from daemon.match.logs.choose import Choice
from daemon.match.logs.fields import Line
from daemon.match.logs.syntax import Text
from daemon.match.logs.triggers import Equal, Holds

_BEHIND = (" ", '"', "]")
"""What stands behind a field: a blank (a line with one of another kind is split in any case), or its closing mark."""


def gated_line(choices: Iterable[Choice]) -> Callable[[str], Line | None]:
    """Return a view of messages as lines that is None where none of the patterns' covers can be there."""
    strings = _strings(choices)
    if not strings:
        return Line
    try:
        holds_any = compile_search(tuple(sorted(map(literal, strings))))
    except TooLargeError:
        return Line

    def line(message: str) -> Line | None:
        is_worth_it = holds_any(encodable(message + " ")) or "\t" in message or "\n" in message or "\r" in message
        return Line(message) if is_worth_it else None

    return line


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
