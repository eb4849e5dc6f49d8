"""Builds plain Python from YAML text, with the line of every field; yaml_file.py calls it.

Event by event on an explicit stack: PyYAML's own composer recurses in C, and a file of brackets would end the process.
Scalars follow the 1.2 core schema: only true and false are booleans, dates and 010 stay text, so that a pasted pattern
means what it meant as JSON.  Aliases are shared, not copied, but counted as if copied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

Location = tuple[str | int, ...]

_MOST_DEPTH = 200
TOO_DEEP = f"nested deeper than {_MOST_DEPTH}"
_MOST_VALUES = 5_000_000
"""Aliases of aliases multiply; a file of ten thousand rules has half a million values."""

_INT = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_MOST_DIGITS = 300
_STRING_TAG = "tag:yaml.org,2002:str"


class YamlFault(Exception):  # noqa: N818 - yaml_file.py makes a ConfigError of it, which knows the path
    """Raised for YAML that is well-formed but not taken here; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


@dataclass(slots=True)
class Built:
    """A document's value, and where everything in it stands."""

    root: Any = None
    lines: dict[Location, int] = field(default_factory=lambda: {(): 1})
    """The line, from 1, of every location."""
    blocks: set[Location] = field(default_factory=set)
    """Where text stands as a literal block (`|`): line n of it is n lines below the location."""


def build(text: str) -> Built:
    """Return the only document's value and where everything stands.

    Raises YamlFault (a key twice or not text, a tag, too deep, too many values, two documents) or yaml.YAMLError.
    """
    builder = _Builder()
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        builder.take(event)
    return builder.built


class _Frame:
    """An open mapping or sequence."""

    def __init__(self, value: dict[str, Any] | list[Any], at: Location, anchor: str | None, values_before: int) -> None:
        self.value = value
        self.at = at
        self.anchor = anchor
        self.values_before = values_before
        self.key: str | None = None


class _Builder:
    """Takes parser events one after the other."""

    def __init__(self) -> None:
        self.built = Built()
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._values = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _fault("a second document; one is read", event)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            frame = self._stack.pop()
            self._remember(frame.anchor, frame.value, self._values - frame.values_before)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag not in (None, "!", _STRING_TAG):
            raise _fault(f"tag {event.tag} is not supported", event)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            self._key(frame, event)
            return
        value = _resolve(event.value) if event.implicit[0] and event.tag is None else event.value
        self._count(1, event)
        self._remember(event.anchor, value, 1)
        at = self._add(value, event)
        if event.style == "|" and self.built.lines[at] == _line(event):
            self.built.blocks.add(at)

    def _key(self, frame: _Frame, event: yaml.ScalarEvent) -> None:
        if event.value in frame.value:
            raise _fault(f"{event.value!r} stands here a second time", event)
        frame.key = event.value
        self.built.lines[(*frame.at, event.value)] = _line(event)

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if event.tag is not None:
            raise _fault(f"tag {event.tag} is not supported", event)
        if len(self._stack) >= _MOST_DEPTH:
            raise _fault(TOO_DEEP, event)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._count(1, event)
        at = self._add(value, event)
        self._stack.append(_Frame(value, at, event.anchor, self._values - 1))

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            raise _fault(f"no value is anchored as &{event.anchor} before here", event)
        value, size = self._anchors[event.anchor]
        self._count(size, event)
        self._add(value, event)

    def _remember(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)

    def _count(self, values: int, event: yaml.Event) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise _fault(f"more than {_MOST_VALUES} values, aliases expanded", event)

    def _add(self, value: Any, event: yaml.Event) -> Location:
        """Put a value where the document stands now; return where that is."""
        if not self._stack:
            self.built.root = value
            self.built.lines[()] = _line(event)
            return ()
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            at: Location = (*frame.at, len(frame.value))
            frame.value.append(value)
            self.built.lines[at] = _line(event)
            return at
        if frame.key is None:
            raise _fault("a key must be text", event)
        at = (*frame.at, frame.key)
        frame.value[frame.key] = value
        frame.key = None
        return at


def _resolve(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _MOST_DIGITS:
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _fault(message: str, event: yaml.Event) -> YamlFault:
    return YamlFault(_line(event), message)
