"""A message read as a space-delimited line: its fields, and the fields under a pattern's slots."""

from __future__ import annotations

import re

from daemon.match.logs.syntax import DelimitedPattern

_OPENING = ("[", '"')
_UNBRACKETED = re.compile(r'"[^"]*"|[^ \t\r\n]+')
_FIELD = re.compile(r"\[[^\]]*\]|" + _UNBRACKETED.pattern)


class Line:
    """A message split at blanks, tabs and line ends; what opens with `[` or `"` runs to its closing mark.

    Where that mark never comes, the opening one is an ordinary character.
    """

    __slots__ = ("_message", "_written", "texts")

    def __init__(self, message: str) -> None:
        self._message = message
        words = _plain_words(message)
        self._written = _split(message) if words is None else words
        """The fields as the message has them."""
        self.texts = [_bare(field) for field in self._written] if words is None else words
        """The fields from left to right, without the brackets or quotes around them."""

    def rest(self, index: int) -> str:
        """Return field `index` if it is the last, else all the text from its start on, as the message has it."""
        if index == len(self.texts) - 1:
            return self.texts[index]
        end = 0
        for field in self._written[: index + 1]:  # only blanks stand between fields, so each is the next to be found
            end = self._message.index(field, end) + len(field)
        return self._message[end - len(self._written[index]) :]


def _plain_words(message: str) -> list[str] | None:
    """Return the fields of a line without marks and with blanks only, None for others: several times as fast."""
    if "\t" in message or "\n" in message or "\r" in message:
        return None
    words = message.split(" ")
    for word in words:
        if word.startswith(_OPENING):
            return None
    return [word for word in words if word]


def _split(message: str) -> list[str]:
    """Return the fields as the message has them, in time linear in the message.

    A bracket put behind the end closes the first one that never closes: its end is looked for only once.
    """
    fields: list[str] = _FIELD.findall(message + "]")
    last = fields.pop()[:-1]
    if last.startswith("["):
        fields += _UNBRACKETED.findall(last)
    elif last:
        fields.append(last)
    return fields


def _bare(field: str) -> str:
    is_enclosed = (field[0] == "[" and field[-1] == "]") or (field[0] == '"' == field[-1] and len(field) > 1)
    return field[1:-1] if is_enclosed else field


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


def extract(pattern: DelimitedPattern, line: Line) -> dict[str, str]:
    """Return TestMetricFilter's extractedValues for a line that matches: `$name`, or `$<position from 1>`."""
    texts = line.texts
    if pattern.right is None:
        texts = [*texts[: len(pattern.left) - 1], line.rest(len(pattern.left) - 1)]
    keys = [f"${position}" for position in range(1, len(texts) + 1)]
    for index, slot in enumerate(pattern.left):
        keys[index] = keys[index] if slot.name is None else f"${slot.name}"
    for index, slot in enumerate(reversed(pattern.right or ()), start=1):
        keys[-index] = keys[-index] if slot.name is None else f"${slot.name}"
    return dict(zip(keys, texts, strict=True))
