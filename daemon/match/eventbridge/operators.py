"""The tests that a pattern can put on one value: plain data, each able to say whether it holds.

expressions.py makes them, table.py indexes them by kind, explain.py and lint.py ask and describe them.  `holds` is
the plain meaning; the indexes agree with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from daemon.match.eventbridge.addresses import Address, Block, parse_address
from daemon.match.eventbridge.casing import Side, fold, verifier

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class Exact:
    """The value itself; numbers by value.  A text that is an IP address means the address, however it is written."""

    value: Scalar
    verbatim: bool = False
    """Take a text that is an IP address as it is written, as event-ruler does for `exactly` and `anything-but`."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exact) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[bool, Scalar, bool]:
        return isinstance(self.value, bool), self.value, self.address is None

    @cached_property
    def address(self) -> Address | None:
        """The address that the text means, if it means one."""
        return parse_address(self.value) if isinstance(self.value, str) and not self.verbatim else None

    def holds(self, value: Scalar) -> bool:
        """Tell whether `value` is this one."""
        if self.address is not None:
            return isinstance(value, str) and parse_address(value) == self.address
        return value == self.value and isinstance(value, bool) == isinstance(self.value, bool)

    def __str__(self) -> str:
        text = json.dumps(self.value, ensure_ascii=False)
        return f'{{"exactly": {text}}}' if self.verbatim and Exact(self.value).address else text


@dataclass(frozen=True)
class Affix:
    """A string that begins with, ends with or, ignoring case, is `text`."""

    text: str
    side: Side
    ignore_case: bool = False

    @cached_property
    def verify(self) -> Callable[[str], bool]:
        """The test that settles what the folded texts leave open; only for `ignore_case`."""
        return verifier(self.text, self.side)

    def holds(self, value: Scalar) -> bool:
        """Tell whether `value` is a string with this affix."""
        if not isinstance(value, str):
            return False
        text, seen = (fold(self.text), fold(value)) if self.ignore_case else (self.text, value)
        if self.side is Side.WHOLE:
            found = seen == text
        else:
            found = seen.startswith(text) if self.side is Side.START else seen.endswith(text)
        return found and (not self.ignore_case or self.verify(value))

    def __str__(self) -> str:
        inner = json.dumps(self.text, ensure_ascii=False)
        if self.ignore_case:
            inner = f'{{"equals-ignore-case": {inner}}}'
        name = {Side.START: "prefix", Side.END: "suffix"}.get(self.side)
        return f'{{"{name}": {inner}}}' if name else inner


@dataclass(frozen=True)
class Wildcard:
    """A string made of `pieces` in this order with anything in between; the first begins it, the last ends it."""

    pieces: tuple[str, ...]

    def holds(self, value: Scalar) -> bool:
        """Tell whether `value` is such a string; the leftmost place of each piece is as good as any, so no way back."""
        if not isinstance(value, str):
            return False
        first, last = self.pieces[0], self.pieces[-1]
        if len(self.pieces) == 1:
            return value == first
        at, end = len(first), len(value) - len(last)
        if at > end or not value.startswith(first) or not value.endswith(last):
            return False
        for piece in self.pieces[1:-1]:
            at = value.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    def __str__(self) -> str:
        escaped = (piece.replace("\\", "\\\\").replace("*", "\\*") for piece in self.pieces)
        return f'{{"wildcard": {json.dumps("*".join(escaped), ensure_ascii=False)}}}'


@dataclass(frozen=True)
class Between:
    """A number between two bounds, each part of it or not; an infinite bound is none."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: Scalar) -> bool:
        """Tell whether `value` is a number within the bounds."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        above = self.low < value if self.low_open else self.low <= value
        return above and (value < self.high if self.high_open else value <= self.high)

    def __str__(self) -> str:
        bounds = []
        if self.low != float("-inf"):
            bounds.append(f'"{">" if self.low_open else ">="}", {self.low}')
        if self.high != float("inf"):
            bounds.append(f'"{"<" if self.high_open else "<="}", {self.high}')
        return f'{{"numeric": [{", ".join(bounds)}]}}'


@dataclass(frozen=True)
class InBlock:
    """A string that is an IP address of the block."""

    block: Block
    text: str

    def holds(self, value: Scalar) -> bool:
        """Tell whether `value` is the text of such an address."""
        address = parse_address(value) if isinstance(value, str) else None
        return address is not None and self.block.holds(address)

    def __str__(self) -> str:
        return f'{{"cidr": "{self.text}"}}'


@dataclass(frozen=True)
class Exists:
    """Any value at all or, if not `wanted`, none anywhere in the event."""

    wanted: bool

    def holds(self, value: Scalar) -> bool:  # noqa: ARG002 - the other operators look at it
        """Tell whether a value that is there is what was asked for."""
        return self.wanted

    def __str__(self) -> str:
        return f'{{"exists": {json.dumps(self.wanted)}}}'


@dataclass(frozen=True)
class AnythingBut:
    """Any value that none of `excluded` holds for, so also one of another type; but there has to be a value."""

    excluded: tuple[Exact | Affix | Wildcard, ...]

    def holds(self, value: Scalar) -> bool:
        """Tell whether `value` is none of those excluded."""
        return not any(test.holds(value) for test in self.excluded)

    def __str__(self) -> str:
        values: list[Scalar] = []
        inner: dict[str, list[str]] = {}
        for test in self.excluded:
            if isinstance(test, Exact):
                values.append(test.value)
            else:
                ((name, operand),) = json.loads(str(test)).items()
                inner.setdefault(name, []).append(operand)
        return json.dumps({"anything-but": inner or values}, ensure_ascii=False)


Positive: TypeAlias = Exact | Affix | Wildcard | Between | InBlock
Test: TypeAlias = Positive | Exists | AnythingBut
