"""The subset of JSON path that EventBridge takes in an InputPathsMap; dispatch/transform.py and actions/ call it.

Dot notation, letters, digits, dashes, underscores and forward slashes in names, array indexes, wildcards (EventBridge
user guide, "Amazon EventBridge input transformation").  EventBridge never finds anything with a path outside of it;
here such a path is refused when the rules are loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MISSING = object()
"""What select() returns where the path leads nowhere."""

_LONGEST = 256
"""TargetInputPath in the API's model."""

_STEP = re.compile(r"\.(?P<name>[A-Za-z0-9_/-]+)|\[(?P<index>[0-9]{1,9})\]|\.\*|\[\*\]")

_Step = str | int | None
"""A member's name, an element's index, or None for every child."""


class JsonPath:
    """A compiled path; raises ValueError where the text is none."""

    def __init__(self, text: str) -> None:
        self._steps = tuple(_steps(text))

    def select(self, document: object) -> object:
        """Return the value in parsed JSON, a list of values behind a wildcard, MISSING where there is none."""
        found, many = [document], False
        for step in self._steps:
            found = [child for node in found for child in _children(node, step)]
            if not (found or many or step is None):
                return MISSING
            many = many or step is None
        return found if many else found[0]


def _steps(text: str) -> Iterator[_Step]:
    if not text.startswith("$"):
        raise ValueError(f"{text!r}: a path begins with $")
    if len(text) > _LONGEST:
        raise ValueError(f"{text[:20]!r}...: longer than {_LONGEST} characters")
    position = 1
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            raise ValueError(f"{text!r}: at character {position}: expected .name, .*, [0] or [*]")
        position = step.end()
        yield int(step["index"]) if step["index"] else step["name"]


def _children(node: object, step: _Step) -> Iterator[object]:
    if isinstance(node, dict):
        if step is None:
            yield from node.values()
        elif step in node:
            yield node[step]
    elif isinstance(node, list):
        if step is None:
            yield from node
        elif isinstance(step, int) and step < len(node):
            yield node[step]
