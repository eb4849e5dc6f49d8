"""Reads a CloudTrail log file in one pass and rules out records that no rule can match, before they are taken apart.

shapes.py asks for each file; what is not ruled out, and every file with anything odd in it, goes the careful way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from daemon.decode.cloudtrail import CloudTrailRecord
from daemon.dedupe.identity import cloudtrail_identity
from daemon.event import Screen, Unwanted

_RECORD = "detail"
"""Where the envelope holds the record: only fields below it can be looked at before there is an envelope."""


class RecordScreen:
    """A Screen made ready for CloudTrail files; rules nothing out where it looks at more than the record."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._decode: Callable[[bytes], Any] | None = None
        self._lookups: list[tuple[Callable[[Any], Any], Mapping[Any, int]]] = []
        paths = [field.path[1:] for field in screen]
        header = set(CloudTrailRecord.__struct_fields__)
        if paths and all(
            field.path[0] == _RECORD and path and path[0] not in header
            for field, path in zip(screen, paths, strict=True)
        ):
            tree = _Tree()
            for field, path in zip(screen, paths, strict=True):
                self._lookups.append((attrgetter(tree.add(path)), field.possible))
            file = msgspec.defstruct("ScreenedFile", [("Records", list[tree.struct(CloudTrailRecord)])])  # type: ignore[misc]
            self._decode = msgspec.json.Decoder(file).decode

    def verdicts(self, document: bytes) -> list[Unwanted | None] | None:
        """Return for each record Unwanted, or None where it may match; None for a file that needs the careful way."""
        if self._decode is None:
            return None
        try:
            records = self._decode(document).Records
        except (msgspec.DecodeError, RecursionError):
            return None
        verdicts = list(self._judge(records))
        return verdicts if len(verdicts) == len(records) else None

    def _judge(self, records: list[Any]) -> Iterator[Unwanted | None]:
        """Stop early at a record that is not CloudTrail's."""
        lookups = self._lookups
        for record in records:
            if not (record.eventID and record.eventSource and record.eventType):
                return
            possible = -1
            try:
                for value_of, sets in lookups:
                    possible &= sets[value_of(record)]
            except (KeyError, TypeError, AttributeError):
                possible = -1
            yield None if possible else Unwanted(cloudtrail_identity(record.eventID), record.eventTime)


class _Tree:
    """The fields to read, as nested types; attributes are numbered, because names in JSON may be anything."""

    def __init__(self) -> None:
        self._children: dict[str, _Tree] = {}

    def add(self, path: tuple[str, ...]) -> str:
        """Take a field in; return the dotted attribute under which it is read."""
        name, *below = path
        attribute = f"f{list(self._children).index(name) if name in self._children else len(self._children)}"
        child = self._children.setdefault(name, _Tree())
        return f"{attribute}.{child.add(tuple(below))}" if below else attribute

    def struct(self, base: type[msgspec.Struct] = msgspec.Struct) -> Any:
        """Return the type; absent fields read as UNSET, absent or null objects have no attributes."""
        fields: list[tuple[str, Any, Any]] = []
        for number, (name, child) in enumerate(self._children.items()):
            kind = child.struct() | None if child._children else Any  # noqa: SLF001 - its own kind
            fields.append((f"f{number}", kind, msgspec.field(default=msgspec.UNSET, name=name)))
        return msgspec.defstruct("Screened", fields, bases=(base,), gc=False)
