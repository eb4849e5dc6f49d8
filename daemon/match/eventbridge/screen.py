"""A first look for small rule sets: decode only the few fields that rule out most events, and only then the rest.

matcher.py puts it before the full program of program.py where one group holds all alternatives.  Decoding is most of
the work there, and every field costs; which fields are worth it depends on the traffic, so it is found out from a
sample, and again from time to time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from daemon.match.eventbridge.groups import Group, Steps
from daemon.match.eventbridge.program import Access, Match, Names, define
from daemon.match.eventbridge.projection import Node, project
from daemon.match.eventbridge.table import FieldTable

_SAMPLE: Final = 500
_LARGEST_SAMPLED: Final = 16 * 1024
"""Bytes of an event in the sample."""
_MOST_CANDIDATES: Final = 16
_MOST_FIELDS: Final = 6
_SHORTEST_PAUSE: Final = 1_000
_LONGEST_PAUSE: Final = 256_000
"""Events that go straight to the full program before a choice that did not pay is made anew; doubled each time."""
_PASS: Final = 4
"""How many events the first look has to rule out to make up for one that it lets through."""
_PATIENCE: Final = 2_000
"""How much may be wasted, in events ruled out, before the choice is made anew."""
_LEAST_KNOWN: Final = 0.98
"""Which part of a field's values a table has to know again: lists, 0, 1, true and false are not remembered."""

# What things cost, in microseconds, on CloudTrail events of 1.5 KB on a machine whose orjson.loads takes 3.7 for one.
_DECODING: Final = 1.4
"""Without any field; the calls around it as well."""
_FIELD: Final = 0.05
_OBJECT: Final = 0.07
_LOOKUP: Final = 0.09
"""In one table: only while alternatives are left."""
_MATCHING: Final = 0.4
"""Once decoded in full."""
_ALTERNATIVE: Final = 0.02
"""One that a first look leaves over."""

Field = tuple[Steps, FieldTable]


def screened(look: FirstLook, full: Match) -> Match:
    """Return a function that asks `full` only about events that the first look does not rule out."""

    def match(event: bytes) -> list[str]:
        possible = look.possible  # called as `look.possible(event)` it would be looked up as a method, which is slower
        if possible is None:
            look.sample(event)
            return full(event)
        try:
            left = possible(event)
        except (KeyError, TypeError, ValueError, RecursionError):
            left = look.possible_anyhow(event)
        if not left:
            if look.wasted:
                look.wasted -= 1
            return []
        look.wasted += _PASS
        if look.wasted > _PATIENCE:
            look.give_up()
        return full(event)

    return match


class FirstLook:
    """The fields chosen, once they are."""

    possible: Callable[[bytes], int] | None = None
    """From an event to the alternatives that may match; raises KeyError for a value not seen before.

    None while no fields are chosen.
    """

    def __init__(self, group: Group, root: Node, spellings: Mapping[Steps, Names]) -> None:
        """Take the only group of a rule set, the type of all its fields, and how they are spelled."""
        fields = sorted(group.fields, key=lambda field: len(field[1].constrained), reverse=True)
        self._fields = fields[:_MOST_CANDIDATES]
        self._everything = (1 << len(group.alternatives)) - 1
        self._root = root
        self._spellings = spellings
        self._decode_all = msgspec.json.Decoder(root.struct).decode
        self._sample: list[Any] = []
        self._pause = 0
        self._next_pause = _SHORTEST_PAUSE
        self.wasted = 0
        """What was let through, less what was ruled out since."""

    def sample(self, event: bytes) -> None:
        """Take note of an event; after enough of them, choose."""
        if self._pause:
            self._pause -= 1
        elif len(event) <= _LARGEST_SAMPLED:
            try:
                self._sample.append(self._decode_all(event))
            except (ValueError, RecursionError):
                return
            if len(self._sample) == _SAMPLE:
                chosen = self._chosen()
                self._sample.clear()
                if chosen:
                    self._use(chosen)
                else:
                    self.give_up()

    def give_up(self) -> None:
        """Stand aside for a while, then choose anew."""
        self.possible, self.wasted = None, 0
        self._pause = self._next_pause
        self._next_pause = min(2 * self._next_pause, _LONGEST_PAUSE)

    def possible_anyhow(self, event: bytes) -> int:
        """As `possible`, for any event; the values are known afterwards."""
        try:
            return self._possible_by_table(event)
        except (ValueError, RecursionError):
            return self._everything

    def _chosen(self) -> list[Field]:
        """Return the fields that make matching cheapest on the sample, in order; none where none pay."""
        columns = self._columns()
        chosen: list[Field] = []
        left = [self._everything] * _SAMPLE
        looking = 0.0
        while len(chosen) < min(_MOST_FIELDS, len(columns)) and any(left):
            looking += _LOOKUP * sum(map(bool, left)) / _SAMPLE
            rest = [field for field in columns if field not in chosen]
            after = {field: list(map(int.__and__, left, columns[field])) for field in rest}
            costs = {field: self._cost([*chosen, field], looking, after[field]) for field in rest}
            chosen.append(min(rest, key=costs.__getitem__))
            left = after[chosen[-1]]
        cost = self._cost(chosen, looking, left)
        for field in list(chosen):  # what was chosen early may have become superfluous
            others = [other for other in chosen if other != field]
            if others:
                without = self._cost_in_order(others, columns)
                if without < cost:
                    chosen, cost = others, without
        return chosen if chosen and cost < self._cost_of_all else []

    def _columns(self) -> dict[Field, list[int]]:
        """Return what each field of each sampled event lets through, of the fields that are worth remembering."""
        columns = {}
        for steps, table in self._fields:
            values = list(map(self._reader(steps), self._sample))
            possible = [table[value] for value in values]
            if sum(not isinstance(value, list) and value in table.known for value in values) >= _LEAST_KNOWN * _SAMPLE:
                columns[steps, table] = possible
        return columns

    def _reader(self, steps: Steps) -> Callable[[Any], Any]:
        access = Access(self._root, self._spellings)
        lines = ["def read(n):", *access.load(steps, {()}, " "), f" return {access.read(steps)}"]
        read: Callable[[Any], Any] = define("read", "\n".join(lines), access.constants)
        return read

    @property
    def _cost_of_all(self) -> float:
        """What an event costs without a first look."""
        return self._decoding(self._fields) + _MATCHING

    def _decoding(self, fields: Sequence[Field]) -> float:
        objects = {self._spellings[steps][:end] for steps, _ in fields for end in range(1, len(self._spellings[steps]))}
        return _DECODING + _FIELD * len(fields) + _OBJECT * len(objects)

    def _cost(self, fields: Sequence[Field], looking: float, left: Sequence[int]) -> float:
        """Return what an event costs, given the time for looking values up and the alternatives `left` of each."""
        again = self._cost_of_all * sum(map(bool, left)) + _ALTERNATIVE * sum(map(int.bit_count, left))
        return self._decoding(fields) + looking + again / len(left)

    def _cost_in_order(self, fields: Sequence[Field], columns: Mapping[Field, Sequence[int]]) -> float:
        left = [self._everything] * _SAMPLE
        looking = 0.0
        for field in fields:
            looking += _LOOKUP * sum(map(bool, left)) / _SAMPLE
            left = list(map(int.__and__, left, columns[field]))
        return self._cost(fields, looking, left)

    def _use(self, chosen: Sequence[Field]) -> None:
        root = project({steps: self._spellings[steps] for steps, _ in chosen})
        decode = msgspec.json.Decoder(root.struct).decode
        self.possible, self._possible_by_table = (
            self._compiled(root, [steps for steps, _ in chosen], {"decode": decode} | tables)
            for tables in (
                {f"table{place}": table.known for place, (_, table) in enumerate(chosen)},
                {f"table{place}": table for place, (_, table) in enumerate(chosen)},
            )
        )

    def _compiled(self, root: Node, fields: Sequence[Steps], constants: dict[str, Any]) -> Callable[[bytes], int]:
        access, loaded = Access(root, self._spellings), set[Names]([()])
        lines = ["def possible(event):", " n = decode(event)"]
        for place, steps in enumerate(fields):
            lines += access.load(steps, loaded, " ")
            lines += [f" m {'&' if place else ''}= table{place}[{access.read(steps)}]", " if not m: return m"]
        possible: Callable[[bytes], int]
        possible = define("possible", "\n".join([*lines, " return m"]), constants | access.constants)
        return possible
