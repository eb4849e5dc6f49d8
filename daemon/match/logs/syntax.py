"""The parse tree of a CloudWatch Logs filter pattern: what the parsers build and everything else reads.

A pattern is one of three kinds: terms anywhere in the text, conditions on a JSON object, or slots of a
space-delimited line.  Every node is frozen and keeps the text or position it came from, so that explanations and
metric values (`$.latency`, `$bytes`) can be answered from the tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Generic, TypeAlias, TypeVar

Leaf = TypeVar("Leaf")


class Operator(StrEnum):
    """A comparison, left side the field."""

    EQ = "="
    NE = "!="
    GT = ">"
    LT = "<"
    GE = ">="
    LE = "<="

    @property
    def is_ordering(self) -> bool:
        """True for the four that need a number on both sides."""
        return self not in (Operator.EQ, Operator.NE)


class State(StrEnum):
    """A test on what a JSON field is, rather than on its value."""

    NULL = "IS NULL"
    TRUE = "IS TRUE"
    FALSE = "IS FALSE"
    ABSENT = "NOT EXISTS"


class Each(Enum):
    """A selector step that fans out."""

    ELEMENT = "[*]"
    FIELD = ".*"


Step: TypeAlias = str | int | Each
"""A field's name, an array's index from 0, or every one."""


@dataclass(frozen=True, slots=True)
class Selector:
    """`$.a.b[0]`: the way from the message's root object to a value."""

    text: str
    """As written."""
    steps: tuple[Step, ...]

    @property
    def fans_out(self) -> bool:
        """True if it may select several values."""
        return any(isinstance(step, Each) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Text:
    """A string to compare with; `*` in it stands for any run of characters, empty included."""

    pieces: tuple[str, ...]
    """What stands between the stars: one piece means no star."""

    @property
    def exact(self) -> str | None:
        """The string itself, None if there is a star in it."""
        return self.pieces[0] if len(self.pieces) == 1 else None

    @property
    def is_beginning(self) -> bool:
        """True for `string*`."""
        return len(self.pieces) == 2 and not self.pieces[1]

    @property
    def is_end(self) -> bool:
        """True for `*string`."""
        return len(self.pieces) == 2 and not self.pieces[0]

    @property
    def is_plain_search(self) -> bool:
        """True for `*string*`."""
        return len(self.pieces) == 3 and not self.pieces[0] and not self.pieces[2]

    @property
    def longest(self) -> str:
        """The longest piece: what is worth looking for first."""
        return max(self.pieces, key=len)


@dataclass(frozen=True, slots=True)
class Number:
    """An unquoted number to compare with."""

    text: str
    """As written: what it is compared with where the other side is a string."""
    value: int | float


@dataclass(frozen=True, slots=True)
class Regex:
    """`%...%`, already checked; found anywhere in the text unless anchored."""

    source: str
    """As written, without the percent signs."""
    expression: str
    """The same in the syntax of daemon/match/logs/automaton.py."""
    states: int
    """Characters to match once all counts are written out."""
    needed: str
    """The longest string known to be in every match, perhaps ""."""
    beginning: str
    """What every text with a match is known to begin with, perhaps ""."""


Operand: TypeAlias = Text | Number | Regex


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator operand`, on a field that the surrounding node names; an ordering operator has a Number."""

    operator: Operator
    operand: Operand
    text: str
    """As written, with the field's name."""

    @property
    def number(self) -> int | float | None:
        """What to compare by value with; an ordering operator always has it."""
        return self.operand.value if isinstance(self.operand, Number) else None


@dataclass(frozen=True, slots=True)
class JsonTest:
    """One term of a JSON pattern."""

    selector: Selector
    test: Comparison | State
    text: str
    """As written."""


@dataclass(frozen=True, slots=True)
class And(Generic[Leaf]):
    """`&&` between two or more parts."""

    parts: tuple[Condition[Leaf], ...]


@dataclass(frozen=True, slots=True)
class Or(Generic[Leaf]):
    """`||` between two or more parts."""

    parts: tuple[Condition[Leaf], ...]


Condition: TypeAlias = "And[Leaf] | Or[Leaf] | Leaf"
"""Leaves are JsonTest in a JSON pattern, Comparison in a slot."""


def leaves(condition: Condition[Leaf]) -> Iterator[Leaf]:
    """Yield the tests of a condition, in the order written."""
    if isinstance(condition, And | Or):
        for part in condition.parts:
            yield from leaves(part)
    else:
        yield condition


class Role(StrEnum):
    """What the mark before an unstructured term makes of it."""

    REQUIRED = ""
    OPTIONAL = "?"
    EXCLUDED = "-"


@dataclass(frozen=True, slots=True)
class Term:
    """One term of an unstructured pattern."""

    role: Role
    what: str | Regex
    """A string is found anywhere, in the same case; "" is found everywhere."""
    text: str
    """As written, without the mark."""


@dataclass(frozen=True, slots=True)
class TermsPattern:
    """Terms to find in the text of a message; no term at all matches everything."""

    terms: tuple[Term, ...]

    @property
    def deciding(self) -> tuple[Term, ...]:
        """The terms that count: optional ones only if no others stand beside them (FilterAndPatternSyntax, note)."""
        return tuple(term for term in self.terms if term.role is not Role.OPTIONAL) or self.terms


@dataclass(frozen=True, slots=True)
class JsonPattern:
    """`{ ... }`: a condition on a message that is one JSON object."""

    condition: Condition[JsonTest]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a space-delimited pattern."""

    name: str | None
    condition: Condition[Comparison] | None


@dataclass(frozen=True, slots=True)
class DelimitedPattern:
    """`[ ... ]`: slots laid over the fields of a line."""

    left: tuple[Slot, ...]
    """Slots counted from the first field."""
    right: tuple[Slot, ...] | None
    """Slots behind `...`, counted from the last field; None if there is no `...`."""


Pattern: TypeAlias = TermsPattern | JsonPattern | DelimitedPattern
