"""The compiled rule set: many patterns in, the names of those that match an event out.

rules.py builds one for each generation of rules and pipeline.py asks it for every event; nothing in it changes but
what its tables remember.  Patterns become alternatives (pattern.py), alternatives bits, and each field of the event
one lookup that says which alternatives it lets through (table.py); what is left in the intersection matches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from daemon.errors import DecodeError, PatternError
from daemon.match.eventbridge.bits import numbers_of
from daemon.match.eventbridge.document import read_document
from daemon.match.eventbridge.operators import Test
from daemon.match.eventbridge.pattern import Alternative, parse_pattern
from daemon.match.eventbridge.program import Match, generate
from daemon.match.eventbridge.projection import UnprojectableError, project
from daemon.match.eventbridge.table import FieldTable
from daemon.match.eventbridge.whole import WholeMatcher

_REMEMBERED_BYTES = 32 * 1024 * 1024
_BYTES_FOR_A_VALUE = 200


class Matcher:
    """An immutable set of named EventBridge patterns.

    A pattern is a dict as parsed from JSON, or JSON text.  Raises PatternError for the first that EventBridge would
    refuse; a note on it names the pattern.
    """

    __slots__ = ("_names", "_owners", "_whole", "find", "match")

    match: Match
    """Return the names of the patterns that match an event, in the order given; what is no event matches none."""
    find: Match
    """As `match`, but raise DecodeError for what cannot be read."""

    def __init__(self, patterns: Mapping[str, Mapping[str, object] | str]) -> None:
        self._names = list(patterns)
        self._owners: list[int] = []
        """The pattern, by number, of each alternative."""
        alternatives: list[Alternative] = []
        for number, (name, pattern) in enumerate(patterns.items()):
            try:
                parsed = parse_pattern(pattern)
            except PatternError as error:
                error.add_note(f"in pattern {name!r}")
                raise
            alternatives += parsed
            self._owners += [number] * len(parsed)
        self._compile(alternatives)

    def _compile(self, alternatives: list[Alternative]) -> None:
        conditions: dict[tuple[tuple[str, ...], int], list[tuple[int, tuple[Test, ...]]]] = {}
        spellings: dict[tuple[str, ...], tuple[str, ...]] = {}
        for number, alternative in enumerate(alternatives):
            seen: Counter[tuple[str, ...]] = Counter()
            for condition in alternative:
                steps = tuple(condition.path.split("."))
                spellings.setdefault(steps, condition.names)
                conditions.setdefault((steps, seen[steps]), []).append((number, condition.tests))
                seen[steps] += 1
        size = len(alternatives) // 8 + _BYTES_FOR_A_VALUE
        capacity = max(_REMEMBERED_BYTES // size // max(len(conditions), 1), 16)
        fields = [(steps, FieldTable(len(alternatives), held, capacity)) for (steps, _), held in conditions.items()]
        fields.sort(key=lambda field: -field[1].selectivity)
        fields_of: list[list[int]] = [[] for _ in alternatives]
        for number, (_, table) in enumerate(fields):
            for alternative_number in table.constrained:
                fields_of[alternative_number].append(number)
        self._whole = WholeMatcher([steps for steps, _ in fields], [table for _, table in fields], fields_of)
        try:
            root = project(spellings)
        except UnprojectableError:
            self.match, self.find = self._match_whole, self._find_whole
        else:
            named = [(spellings[steps], table) for steps, table in fields]
            self.match = generate(root, named, self._names_of, self._match_whole)
            self.find = generate(root, named, self._names_of, self._find_whole)

    def _names_of(self, matched: int) -> list[str]:
        owners = self._owners
        return [self._names[owner] for owner in dict.fromkeys(owners[number] for number in numbers_of(matched))]

    def _match_whole(self, event: bytes) -> list[str]:
        try:
            return self._find_whole(event)
        except DecodeError:
            return []

    def _find_whole(self, event: bytes) -> list[str]:
        return self._names_of(self._whole.match(read_document(event)))
