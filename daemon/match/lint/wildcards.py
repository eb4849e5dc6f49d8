"""Finds wildcards that EventBridge refuses as too complex, although vigild matches them in linear time.

event-ruler measures a machine by how many of its wildcards' states a single value can reach at once
(MachineComplexityEvaluator); EventBridge answers PutRule with "Rule is too complex - try using fewer wildcard
characters or fewer repeating character sequences after a wildcard character".  Its limit is not published; ten is what
others measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from daemon.match.eventbridge.operators import AnythingBut, Test, Wildcard
from daemon.match.lint.findings import Finding, LintCode, Subject

_MOST_STATES: Final = 10
_MOST_SETS: Final = 2_000
"""Sets of states that are looked at for one field; a pattern that has more is taken for a costly one."""

_State = tuple[int, int, int]
"""Wildcard, piece, and how many of the piece's characters have been seen."""


def costly_wildcards(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each field whose wildcards a value can keep busy at too many places."""
    seen = set()
    for condition in (condition for alternative in subject.sample for condition in alternative):
        if condition.place in seen:
            continue
        seen.add(condition.place)
        wildcards = [wildcard for test in condition.tests for wildcard in _wildcards(test)]
        if wildcards and busiest(wildcards) > _MOST_STATES:
            message = (
                "EventBridge refuses wildcards like these as too complex: use fewer * or less that repeats behind one"
            )
            yield Finding(LintCode.COSTLY_WILDCARD, condition.place, message)


def _wildcards(test: Test) -> Sequence[Wildcard]:
    tests = test.excluded if isinstance(test, AnythingBut) else (test,)
    return [each for each in tests if isinstance(each, Wildcard)]


def busiest(wildcards: Sequence[Wildcard]) -> int:
    """Return the most states behind a star that one value can reach at once; more than the limit once past it."""
    alphabet = sorted({character for wildcard in wildcards for piece in wildcard.pieces for character in piece})
    start = frozenset(_settled((number, 0, 0), wildcards) for number in range(len(wildcards)))
    pending, seen, most = [start], {start}, 0
    while pending and most <= _MOST_STATES:
        states = pending.pop()
        for character in (*alphabet, ""):
            following = _step(states, character, wildcards)
            most = max(most, sum(piece > 0 for _, piece, _ in following))
            if following not in seen:
                seen.add(following)
                pending.append(following)
        if len(seen) > _MOST_SETS:
            return _MOST_STATES + 1
    return most


def _step(states: frozenset[_State], character: str, wildcards: Sequence[Wildcard]) -> frozenset[_State]:
    following = set()
    for number, piece, at in states:
        text = wildcards[number].pieces[piece]
        if piece and at == 0:
            following.add((number, piece, 0))
        if at < len(text) and text[at] == character:
            following.add(_settled((number, piece, at + 1), wildcards))
    return frozenset(following)


def _settled(state: _State, wildcards: Sequence[Wildcard]) -> _State:
    """Return the state, or that behind the star where its piece is complete."""
    number, piece, at = state
    pieces = wildcards[number].pieces
    is_complete = at == len(pieces[piece]) and piece + 1 < len(pieces)
    return (number, piece + 1, 0) if is_complete else state
