"""The compiled rule set: many patterns in, the names of those that match an event out.

rules.py builds one for each generation of rules and pipeline.py asks it for every event; nothing in it changes but
what its tables remember.  Patterns become alternatives (pattern.py), alternatives bits, and each field of the event
one lookup that says which alternatives it lets through (table.py); what is left in the intersection matches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from daemon.errors import DecodeError, PatternError
from daemon.event import Screen, ScreenField
from daemon.garbage import collector_paused
from daemon.match.eventbridge.document import read_document
from daemon.match.eventbridge.groups import Group, Steps, group
from daemon.match.eventbridge.pattern import Alternative, parse_pattern
from daemon.match.eventbridge.program import Match, generate
from daemon.match.eventbridge.projection import UnprojectableError, project
from daemon.match.eventbridge.screen import FirstLook, screened
from daemon.match.eventbridge.whole import WholeMatcher

_LARGE: Final = 32 * 1024
"""Bytes of an event from which on the collector, going through its parts, takes more than a pause does."""


class Matcher:
    """An immutable set of named EventBridge patterns.

    A pattern is a dict as parsed from JSON, or JSON text.  Raises PatternError for the first that EventBridge would
    refuse; a note on it names the pattern.
    """

    __slots__ = ("find", "find_screened", "match", "screen")

    match: Match
    """Return the names of the patterns that match an event, in the order given; what is no event matches none."""
    find: Match
    """As `match`, but raise DecodeError for what cannot be read."""
    find_screened: Match
    """As `find`, for events that `screen` was asked about before."""
    screen: Screen
    """What decode/ may rule events out by before they get here; empty where a few fields do not suffice."""

    def __init__(self, patterns: Mapping[str, Mapping[str, object] | str]) -> None:
        owners: list[int] = []
        alternatives: list[Alternative] = []
        for number, (name, pattern) in enumerate(patterns.items()):
            try:
                parsed = parse_pattern(pattern)
            except PatternError as error:
                error.add_note(f"in pattern {name!r}")
                raise
            alternatives += parsed
            owners += [number] * len(parsed)
        self._compile(alternatives, _Naming(list(patterns), owners))

    def _compile(self, alternatives: list[Alternative], naming: _Naming) -> None:
        # Nothing below refers back to this matcher: a rule set that is replaced goes at once, without the collector.
        groups = group(alternatives)
        self.screen = _screen(groups)
        whole = _Whole(WholeMatcher(groups), naming)
        spellings: dict[Steps, tuple[str, ...]] = {}
        for alternative in alternatives:
            for condition in alternative:
                spellings.setdefault(condition.steps, condition.names)
        try:
            root = project(spellings)
        except UnprojectableError:
            self.match, self.find = whole.match, whole.find
            self.find_screened = self.find
        else:
            self.match, self.find_screened = (
                generate(root, groups, spellings, naming.names_of, fallback) for fallback in (whole.match, whole.find)
            )
            self.find = self.find_screened
            if len(groups) == 1 and groups[0].combinations is None and len(groups[0].fields) > 1:
                look = FirstLook(groups[0], root, spellings)
                self.match, self.find = screened(look, self.match), screened(look, self.find)


@dataclass(frozen=True, slots=True)
class _Naming:
    """From alternatives to the names of their patterns."""

    names: Sequence[str]
    owners: Sequence[int]
    """The pattern, by number, of each alternative."""

    def names_of(self, alternatives: list[int]) -> list[str]:
        owners = dict.fromkeys(self.owners[number] for number in sorted(alternatives))
        return [self.names[owner] for owner in owners]


@dataclass(frozen=True, slots=True)
class _Whole:
    """Matches events that have to be read whole."""

    matcher: WholeMatcher
    naming: _Naming

    def match(self, event: bytes) -> list[str]:
        try:
            return self.find(event)
        except DecodeError:
            return []

    def find(self, event: bytes) -> list[str]:
        if len(event) < _LARGE:
            return self._find(event)
        with collector_paused():
            return self._find(event)

    def _find(self, event: bytes) -> list[str]:
        return self.naming.names_of(self.matcher.match(read_document(event)))


def _screen(groups: Sequence[Group]) -> Screen:
    if not groups:
        return (ScreenField(("detail", "eventName"), lambda _: 0),)
    if len(groups) != 1 or groups[0].combinations is not None:
        return ()
    fields = groups[0].decisive_fields()
    if len(fields) == len(groups[0].fields):
        return ()
    return tuple(ScreenField(steps, table.__getitem__) for steps, table in fields)
