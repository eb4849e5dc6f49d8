"""Which of many needles a text holds: one search for beginnings and ends, one pass over the text for dozens of others.

index.py builds one for each thing that filters search: the whole message, a JSON field, a slot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import compress
from operator import attrgetter

from daemon.match.logs.automaton import TooLargeError, compile_search, encodable, literal
from daemon.match.logs.batch import Batch
from daemon.match.logs.edges import Beginnings, Entry
from daemon.match.logs.syntax import Regex, Text
from daemon.match.logs.values import TextTest, equals

_MANY = 150
"""Needles in one pass: with more literals the engine turns from vector instructions to a slower automaton."""
_VERY_MANY = 600
"""Strings from which on one pass with the slower automaton, whose time grows little with them, is the faster way."""
_MOST = 10_000
"""Strings in one pass of it: compiling more would keep the event loop waiting for longer than 50 ms at a reload."""
_FAN_OUT = 4
"""Into how many smaller passes one that finds something leads."""
_WIDE_FAN_OUT = 12
"""The same for the slower automaton."""
_MIN_STRING = 3
"""A shorter string is in too many messages to stand for the expression that needs it."""
_MAX_STATES = 2_000
"""Size of all expressions in one pass; larger ones are searched alone, so that one cannot slow down its neighbours."""


class Needles:
    """Strings with stars and regular expressions, each with the filters that wait for it."""

    def __init__(self, needles: Iterable[tuple[Text | Regex, list[int]]]) -> None:
        beginnings: defaultdict[str, list[Entry]] = defaultdict(list)
        ends: defaultdict[str, list[Entry]] = defaultdict(list)
        strings = []
        expressions = []
        for needle, waiting in needles:
            if isinstance(needle, Regex):
                found = compile_search((needle.expression,))
                if needle.beginning:
                    beginnings[needle.beginning].append((_encoding(found), waiting))
                elif len(needle.needed) < _MIN_STRING:
                    expressions.append(_Needle(needle.expression, needle.states, _Part(found, waiting, [])))
                else:
                    strings.append(_string(needle.needed, [], [_Part(found, waiting, [])]))
                continue
            string = needle.longest
            if string is needle.pieces[0]:
                beginnings[string].append((None if needle.is_beginning else equals(needle), waiting))
            elif string is needle.pieces[-1]:
                ends[string[::-1]].append((None if needle.is_end else equals(needle), waiting))
            elif needle.is_plain_search:
                strings.append(_string(string, waiting, []))
            else:
                strings.append(_string(string, [], [_Part(equals(needle), waiting, [])]))
        self._beginnings = Beginnings(beginnings) if beginnings else None
        self._ends = Beginnings(ends) if ends else None
        most = _MANY
        while most < len(strings) > _VERY_MANY and most < _MOST:
            most *= _WIDE_FAN_OUT
        most = min(most, _MOST)
        self._within = _parts(strings, most) + _parts(expressions, _MANY)

    def waiting(self, text: str) -> list[int]:
        """Return the filters that wait for a needle in this text."""
        waiting = self._at_edges(text)
        if self._within:
            text = encodable(text)
            for part in self._within:
                if part.found(text):
                    part.collect(text, waiting)
        return waiting

    def _at_edges(self, text: str) -> list[int]:
        waiting = [] if self._beginnings is None else self._beginnings.waiting(text, text)
        if self._ends is not None:
            waiting += self._ends.waiting(text[::-1], text)
        return waiting

    def waiting_in_each(self, batch: Batch) -> defaultdict[int, list[int]]:
        """Return, under the positions of messages with needles, the filters that wait for these."""
        waiting: defaultdict[int, list[int]] = defaultdict(list)
        if self._beginnings is not None or self._ends is not None:
            for position, text in enumerate(batch.messages):
                if found := self._at_edges(text):
                    waiting[position] += found
        texts = batch.texts
        for part in self._within:
            for position in compress(range(len(texts)), map(part.found, texts)):
                part.collect(texts[position], waiting[position])
        return waiting


def _encoding(found: TextTest) -> TextTest:
    return lambda text: found(encodable(text))


@dataclass(frozen=True, slots=True)
class _Part:
    """A test with the filters that wait for it and the tests that are worth trying only if it succeeds."""

    found: TextTest
    waiting: list[int]
    parts: list[_Part]

    def collect(self, text: str, waiting: list[int]) -> None:
        """Add the filters that wait, here and below; the test has succeeded."""
        waiting += self.waiting
        for part in self.parts:
            if part.found(text):
                part.collect(text, waiting)


@dataclass(frozen=True, slots=True)
class _Needle:
    """Something to find anywhere in a text, alone or together with others."""

    expression: str
    states: int
    part: _Part


def _string(string: str, waiting: list[int], parts: list[_Part]) -> _Needle:
    expression = literal(string)
    return _Needle(expression, len(string), _Part(compile_search((expression,)), waiting, parts))


def _parts(needles: list[_Needle], most: int) -> list[_Part]:
    """Return parts that look for at most `most` needles each, made of smaller ones; these if the engine refuses."""
    if most < _FAN_OUT:
        return [needle.part for needle in needles]
    parts = []
    for run in _runs(sorted(needles, key=attrgetter("expression")), most):  # what is alike is found together
        smaller = _parts(run, most // (_FAN_OUT if most <= _MANY else _WIDE_FAN_OUT))
        try:
            found = compile_search(tuple(needle.expression for needle in run))
        except TooLargeError:
            parts += smaller
        else:
            parts += smaller if len(smaller) == 1 else [_Part(found, [], smaller)]
    return parts


def _runs(needles: list[_Needle], most: int) -> Iterator[list[_Needle]]:
    """Cut into runs of much the same length, of at most `most` needles; few of them have at most _MAX_STATES states."""
    length = -(-len(needles) // -(-len(needles) // most)) if needles else 0
    most_states = _MAX_STATES * max(1, most // _MANY)
    run: list[_Needle] = []
    states = 0
    for needle in needles:
        if run and (len(run) == length or states + needle.states > most_states):
            yield run
            run, states = [], 0
        run.append(needle)
        states += needle.states
    if run:
        yield run
