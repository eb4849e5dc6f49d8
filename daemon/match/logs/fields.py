"""A message read as a space-delimited line: its fields, and the fields under a pattern's slots."""

from __future__ import annotations

import re

from daemon.match.logs.syntax import DelimitedPattern

_PLAIN = r'"([^"]*)"|([^ \t\r\n]+)'
_BRACKETED_OR_PLAIN = re.compile(r"\[([^\]]*)\]|" + _PLAIN)
_PLAIN_ONLY = re.compile(_PLAIN)


class Line:
    """A message split at blanks, tabs and line ends; what opens with `[` or `"` runs to its closing mark.

    Where that mark never comes, the opening one is an ordinary character.
    """

    def __init__(self, message: str) -> None:
        self.message = message
        self.texts: list[str] = []
        """The fields from left to right, without the brackets or quotes around them."""
        self._starts: list[int] = []
        self._split()

    def _split(self) -> None:
        # A `]` that never comes is looked for up to the end of the message: so nobody looks behind the last one.
        position = 0
        for pattern, last in ((_BRACKETED_OR_PLAIN, self.message.rfind("]")), (_PLAIN_ONLY, len(self.message))):
            for found in pattern.finditer(self.message, position):
                if found.start() > last:
                    break
                self.texts.append(found[found.lastindex or 0])
                self._starts.append(found.start())
                position = found.end()

    def rest(self, index: int) -> str:
        """Return field `index` if it is the last, else all the text from its start on, as the message has it."""
        if index == len(self.texts) - 1:
            return self.texts[index]
        return self.message[self._starts[index] :]


def slot_texts(pattern: DelimitedPattern, line: Line) -> list[str] | None:
    """Return the text under each slot, left ones first, or None if the line has too few fields.

    Without `...` the last slot takes all that is left; with it, right slots count from the end of the line.
    """
    count = len(line.texts)
    left, right = len(pattern.left), len(pattern.right or ())
    if count < left + right:
        return None
    if pattern.right is None:
        return [*line.texts[: left - 1], line.rest(left - 1)]
    return line.texts[:left] + line.texts[count - right :]


def extracted(pattern: DelimitedPattern, line: Line) -> dict[str, str]:
    """Return TestMetricFilter's extractedValues: `$name`, or `$<position from 1>` where a field has no name.

    The line must have enough fields.
    """
    texts = line.texts
    if pattern.right is None:
        texts = [*texts[: len(pattern.left) - 1], line.rest(len(pattern.left) - 1)]
    keys = [f"${position}" for position in range(1, len(texts) + 1)]
    for index, slot in enumerate(pattern.left):
        keys[index] = keys[index] if slot.name is None else f"${slot.name}"
    for index, slot in enumerate(reversed(pattern.right or ()), start=1):
        keys[-index] = keys[-index] if slot.name is None else f"${slot.name}"
    return dict(zip(keys, texts, strict=True))
