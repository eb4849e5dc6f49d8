"""Throws patterns, filters and events of every kind at the matcher: only the documented errors may come out.

    python -m tests.match.fuzzing [SECONDS] [SEED]

Inputs are drawn from the vocabulary of generation.py and then spoiled: JSON values put where others belong, bytes cut,
doubled and exchanged.  The tests run it for a fixed number of rounds.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from typing import Any, Final

from daemon.errors import DecodeError
from daemon.match import FilterError, FilterPattern, Matcher, PatternError
from tests.match.generation import Generator

_ODD: Final[tuple[Any, ...]] = (
    *(None, True, 0, -0.0, 1e308, 10**400, -(2**63), float("inf"), "", "*", "\\", "\ud800", "\0", "$or", "a" * 5_000),
    *([], {}, [[]], [{}], [[[{"a": []}]]], {"": {}}, {"a.b": [1]}, {"$or": []}, {"prefix": {}}, {"numeric": [">"]}),
    *({"anything-but": {"wildcard": ["**"]}}, {"cidr": "::/129"}, {"exists": 1}, {"wildcard": "*a*a*a*b\\"}),
)
_FILTERS: Final = (
    *("{ $.a = 1 }", '{ ($.a.b = "x*") && ($.c NOT EXISTS) }', '{ $.a[0].b > 2e3 || $.["x y"] IS NULL }'),
    *(
        "?ERROR ?WARN -DEBUG",
        '"two words" %^[a-z]+(\\d|\\w)*$%',
        "[ip, user, ..., status=4*, size > 100]",
        "{ $.a = %x.*y% }",
    ),
    *("{ $.sourceIPAddress != 10.* && $.n <= -1.5 }", "[a=%x%, b != 5, c, ...]", ""),
)
_PIECES: Final = (
    *"{}[]()\"'$.*?-%=!<>&|\\, \n\0",
    *("NOT EXISTS", "IS TRUE", "&&", "||", "...", "😀", "\ud800", "1e9"),
)


class Fuzzer:
    """Draws inputs from a seed and counts what became of them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._generator = Generator(seed)
        self.outcomes: Counter[str] = Counter()

    def round(self) -> None:
        """Try one pattern, one filter, and a few events on both; an error that is not documented comes out."""
        pattern = self._generator.pattern()
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 5))):
            pattern = self._spoiled(pattern)
        events = [self._event(pattern) for _ in range(3)]
        self._try_pattern(pattern, events)
        self._try_filter(self._text(self._random.choice(_FILTERS)), events)

    def _try_pattern(self, pattern: Any, events: list[bytes]) -> None:
        written = self._random.random() < 0.5
        source = self._text(json.dumps(pattern)) if written and self._random.random() < 0.3 else pattern
        try:
            matcher = Matcher({"rule": json.dumps(source) if written and not isinstance(source, str) else source})
        except PatternError as error:
            self.outcomes["PatternError" if error.path.startswith("$") and error.reason else "a bad PatternError"] += 1
            return
        for event in events:
            names = matcher.match(event)
            try:
                found: list[str] | None = matcher.find(event)
            except DecodeError:
                found = None
            self.outcomes["event matched" if names else "event not matched"] += 1
            if names != (found or []):
                raise AssertionError(f"match and find differ on {pattern!r} and {event!r}")

    def _try_filter(self, text: str, events: list[bytes]) -> None:
        try:
            compiled = FilterPattern(text)
        except FilterError:
            self.outcomes["FilterError"] += 1
            return
        for event in events:
            matched = compiled.match(event.decode("utf-8", "surrogateescape")) is not None
            self.outcomes["message matched" if matched else "message not matched"] += 1

    def _spoiled(self, value: Any) -> Any:
        """Put something odd somewhere into a JSON value."""
        if not isinstance(value, dict | list) or not value or self._random.random() < 0.2:
            return self._random.choice(_ODD)
        if isinstance(value, dict):
            name = self._random.choice(list(value))
            other = self._random.choice((name, name, "$or", "a.b", "", "x\0"))
            return {
                (other if key == name else key): self._spoiled(at) if key == name else at for key, at in value.items()
            }
        place = self._random.randrange(len(value))
        return [*value[:place], self._spoiled(value[place]), *value[place + self._random.choice((0, 1)) :]]

    def _event(self, pattern: Any) -> bytes:
        try:
            text = self._generator.event_for(pattern)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # the pattern has been spoiled
            text = self._generator.event()
        if self._random.random() < 0.3:
            text = json.dumps(self._spoiled(json.loads(text)))
        body = bytearray(text.encode("utf-8", "surrogatepass"))
        for _ in range(self._random.choice((0, 0, 0, 1, 3))):
            if body:
                at = self._random.randrange(len(body))
                body[at : at + self._random.choice((0, 1, 5))] = self._random.randbytes(self._random.choice((0, 1, 2)))
        return bytes(body)

    def _text(self, text: str) -> str:
        """Exchange, leave out or put in a few pieces of a text."""
        for _ in range(self._random.choice((0, 1, 2, 4))):
            at = self._random.randrange(len(text) + 1)
            text = text[:at] + self._random.choice(_PIECES) + text[at + self._random.choice((0, 0, 1, 3)) :]
        return text


def main() -> None:
    """Run for some seconds, printing what became of the inputs; an undocumented error ends it with its seed."""
    seconds, seed = (float(sys.argv[1:2][0]) if sys.argv[1:] else 600.0), int(sys.argv[2]) if sys.argv[2:] else 0
    outcomes: Counter[str] = Counter()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        fuzzer = Fuzzer(seed)
        try:
            for _ in range(100):
                fuzzer.round()
        except BaseException:
            print(f"seed {seed}", file=sys.stderr)
            raise
        outcomes += fuzzer.outcomes
        seed += 1
    print(f"{seed} seeds: {', '.join(f'{count:,} {what}' for what, count in sorted(outcomes.items()))}")


if __name__ == "__main__":
    main()
