"""Reads CloudTrail records in one pass and rules out those that no rule can match, before they are taken apart.

shapes.py asks for each log file, cloudwatch_logs.py for each subscription record; what is not ruled out, and every file
or record with anything odd in it, goes the careful way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from itertools import compress, repeat
from operator import and_, attrgetter, methodcaller, not_, or_
from typing import Annotated, Any, NamedTuple

import msgspec

from daemon.decode.cloudtrail import CloudTrailRecord
from daemon.decode.records_file import Numbered
from daemon.dedupe.identity import cloudtrail_identity, name_with_line
from daemon.event import LineRules, LogRecord, Screen, Unwanted
from daemon.struct_types import struct_type

_RECORD = "detail"
"""Where the envelope holds the record: only fields below it can be looked at before there is an envelope."""
_ANY_RULE = -1
"""The set of all rules."""
_PLAIN = (str, msgspec.UnsetType)
_MOST_KNOWN = 20_000
_MOST_FILES = 64
_LONGEST_KNOWN = 256
"""Characters; with _MOST_KNOWN at most some 10 MB, a few hundred kilobytes where nobody makes values up."""
_event_id = attrgetter("eventID")
_opens = methodcaller("startswith", "{")
"""A line that begins in another way is no record for cloudwatch_logs.py."""
_NotEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class _Record(CloudTrailRecord, kw_only=True, gc=False):
    """What is surely CloudTrail's (cloudtrail.looks_like_cloudtrail); a file with anything else fails to decode."""

    eventID: _NotEmpty
    eventSource: _NotEmpty
    eventType: _NotEmpty


class Screened(NamedTuple):
    """The records of a file, or of a subscription record, sorted."""

    unwanted: Unwanted
    wanted: list[Numbered]
    """Those that a rule may match."""


class RecordScreen:
    """A Screen made ready for CloudTrail's records; rules nothing out where it looks at more than the record.

    `line_rules` speak for the rules that look at the lines of log groups: of those the screen knows nothing.
    """

    def __init__(self, screen: Screen, line_rules: LineRules) -> None:
        self.screen = screen
        self._line_rules = line_rules
        self._decode: Callable[[bytes], Any] | None = None
        self._decode_line: Callable[[str], Any] | None = None
        self._values: list[Callable[[Any], Any]] = []
        self._all_values: Callable[[Any], Any]
        self._verdicts = _Verdicts(screen)
        paths = [field.path[1:] for field in screen]
        header = set(CloudTrailRecord.__struct_fields__)
        if paths and all(
            field.path[0] == _RECORD and path and path[0] not in header
            for field, path in zip(screen, paths, strict=True)
        ):
            tree = _Tree()
            attributes = [tree.add(path) for path in paths]
            self._values = [attrgetter(attribute) for attribute in attributes]
            self._all_values = attrgetter(*attributes)
            record = tree.struct(_Record)
            self._decode = msgspec.json.Decoder(_file_of(record)).decode
            self._decode_line = msgspec.json.Decoder(record).decode

    def sort(self, document: bytes) -> Screened | None:
        """Return a file's records sorted; None for a file that needs the careful way."""
        if self._decode is None:
            return None
        try:
            return self._sorted(self._decode(document).Records)
        except (msgspec.DecodeError, RecursionError):
            return None

    def sort_lines(self, group: str, lines: LogRecord) -> Screened | None:
        """Return the records that are the lines of a log group, sorted; None where they need the careful way."""
        decode = self._decode_line
        if decode is None or not all(map(_opens, lines.messages)):
            return None
        try:
            records = [decode(line) for line in lines.messages]
            return self._sorted(records, group, self._line_rules(group, lines))
        except (msgspec.DecodeError, RecursionError):
            return None

    def _sorted(self, records: list[Any], group: str = "", held: Sequence[bool] | None = None) -> Screened:
        """Sort by the screen, and by which of them rules on the lines of their group look for, if any do."""
        try:
            possible = list(map(self._verdicts.__getitem__, map(self._all_values, records)))
        except (TypeError, AttributeError):
            possible = [self._possible(record) for record in records]
        if held is not None:
            possible = list(map(or_, possible, held))
        wanted = [(number, records[number]) for number in compress(range(len(records)), possible)]
        ruled_out = compress(records, map(not_, possible)) if wanted else records
        names = map(cloudtrail_identity, map(_event_id, ruled_out))
        identities = set(names if held is None else map(name_with_line, names, repeat(group)))
        last = records[-1].eventTime if records else ""
        return Screened(Unwanted(identities, len(records) - len(wanted), last), wanted)

    def _possible(self, record: Any) -> int:
        """Return the rules that may match a record, whatever it holds."""
        return self._verdicts.of([_value(value_of, record) for value_of in self._values])


class _Verdicts(dict[Any, int]):
    """The rules that may match a record, by the values of all fields, as `attrgetter` returns them.

    Values not met before are worked out, and known afterwards where they are strings or not there.
    """

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def __missing__(self, values: Any) -> int:
        possible, is_plain = self._judge((values,) if len(self._screen) == 1 else values)
        if is_plain:
            if len(self) >= _MOST_KNOWN:
                self.clear()
            self[values] = possible
        return possible

    def of(self, values: Sequence[Any]) -> int:
        """Return the same for values that perhaps cannot be looked up."""
        return self._judge(values)[0]

    def _judge(self, values: Sequence[Any]) -> tuple[int, bool]:
        """Return the rules, and whether they are worth remembering."""
        plain = [(field, value) for field, value in zip(self._screen, values, strict=True) if isinstance(value, _PLAIN)]
        possible = reduce(and_, (field.possible(value) for field, value in plain), _ANY_RULE)
        is_short = sum(len(value) for _, value in plain if value) <= _LONGEST_KNOWN
        return possible, len(plain) == len(values) and is_short


def _value(value_of: Callable[[Any], Any], record: Any) -> Any:
    try:
        return value_of(record)
    except AttributeError:  # an object around the field is not there
        return msgspec.UNSET


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
        fields: list[tuple[str, str, Any]] = []
        for number, (name, child) in enumerate(self._children.items()):
            kind = child.struct() | None if child._children else Any  # noqa: SLF001 - its own kind
            fields.append((f"f{number}", name, kind))
        return struct_type("Screened", fields, base)


@lru_cache(_MOST_FILES)
def _file_of(record: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the type of a file of such records; made once, as the records' own (struct_types.py)."""
    return msgspec.defstruct("ScreenedFile", [("Records", list[record])])  # type: ignore[valid-type]
