"""Random patterns and events that have much to do with each other, from a seed."""

from __future__ import annotations

import json
import random
from typing import Any

from daemon.match.eventbridge.expressions import parse_test
from daemon.match.eventbridge.operators import Test

NAMES = ("a", "b", "c", "a.b", "b.c", "source")
STRINGS = (
    *(
        "",
        "a",
        "ab",
        "abc",
        "abcabc",
        "b",
        "B",
        "Ab",
        "aB*",
        "a\\b",
        "*",
        "true",
        "null",
        "1",
        "1.0",
        "\u00df",
        "SS",
        "ss",
    ),
    *("İ", "i̇", "K", "k", "\u017f", "s", "😀", "a😀b", "ΑΣ", "ας", "tab\there", 'quote"d', "x" * 40),
    *("10.0.0.1", "010.0.0.1", "10.0.0.255", "10.1.2.3", "192.168.0.1", "2001:db8::1", "2001:DB8:0::0001"),
    *("::ffff:a00:1", "::", "1.2.3", "256.1.1.1", "::ffff:10.0.0.1"),
)
NUMBERS = (0, -0.0, 1, 1.0, -1, 2.5, 3e2, 300, 1e-3, 0.1, 5_000_000_000, 123456789012, -4999999999.75, 1e15, -1e300)
BLOCKS = ("10.0.0.0/8", "10.0.0.0/24", "10.0.0.1/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "2001:db8::1/128")
WILDCARDS = ("*", "a*", "*b", "a*c", "*b*", "a*b*c", "\\**", "*\\\\*", "a*a*", "*abc*abc*", "x*x*x", "ab", "")


class Generator:
    """Draws patterns, and events of the same vocabulary."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def pattern(self, depth: int = 3) -> dict[str, Any]:
        """Draw a valid pattern."""
        rng = self._random
        pattern: dict[str, Any] = {}
        for name in rng.sample(NAMES, rng.choice((1, 1, 2, 2, 3))):
            pattern[name] = self.pattern(depth - 1) if depth and rng.random() < 0.4 else self._tests()
        if depth and rng.random() < 0.2:
            pattern["$or"] = [self.pattern(depth - 2 if depth > 1 else 0) for _ in range(rng.choice((2, 2, 3)))]
            if rng.random() < 0.5:
                del pattern[next(iter(pattern))]
        return pattern

    def tests(self, count: int) -> list[Test]:
        """Draw tests on one value, parsed."""
        return [parse_test(self._test(), "$") for _ in range(count)]

    def _tests(self) -> list[Any]:
        return [self._test() for _ in range(self._random.choice((1, 1, 1, 2, 3)))]

    def _test(self) -> Any:
        rng = self._random
        string = rng.choice(STRINGS)
        affix = rng.choice((string, {"equals-ignore-case": string}))
        return rng.choice(
            (
                *(string, string, rng.choice(NUMBERS), rng.choice((True, False, None))),
                *({"prefix": affix}, {"suffix": affix}, {"equals-ignore-case": string}, {"cidr": rng.choice(BLOCKS)}),
                {"exactly": string},
                *({"wildcard": rng.choice(WILDCARDS)}, {"wildcard": rng.choice(WILDCARDS)}, {"numeric": self._range()}),
                *(
                    {"exists": rng.random() < 0.5},
                    {"anything-but": self._excluded()},
                    {"anything-but": self._excluded()},
                ),
            )
        )

    def _range(self) -> list[Any]:
        low, high = sorted(self._random.sample(sorted(set(NUMBERS)), 2))
        below, above = self._random.choice(("<", "<=")), self._random.choice((">", ">="))
        return self._random.choice(([above, low, below, high], [above, low], [below, high], ["=", low]))

    def _excluded(self) -> Any:
        rng = self._random
        strings = [s for s in rng.sample(STRINGS, rng.choice((1, 2, 5))) if s] or ["a"]
        operator = rng.choice(("prefix", "suffix", "equals-ignore-case", "wildcard", "", "", "numbers"))
        if operator == "numbers":
            values: list[Any] = rng.sample(NUMBERS, rng.choice((1, 3)))
        elif operator == "wildcard":
            values = rng.sample(WILDCARDS, rng.choice((1, 2)))
        else:
            values = strings
        operand = values[0] if len(values) == 1 and rng.random() < 0.5 else values
        return {operator: operand} if operator not in ("", "numbers") else operand

    def event(self) -> str:
        """Draw an event's JSON text; a name may be spelled with dots, and twice."""
        return json.dumps(self._object(4), ensure_ascii=self._random.random() < 0.3)

    def _object(self, depth: int) -> dict[str, Any]:
        rng = self._random
        return {name: self._value(depth) for name in rng.sample(NAMES, rng.choice((0, 1, 2, 3, 4)))}

    def _value(self, depth: int) -> Any:
        rng = self._random
        draw = rng.random()
        if depth and draw < 0.35:
            return self._object(depth - 1)
        if depth and draw < 0.6:
            return [self._value(depth - 1) for _ in range(rng.choice((0, 1, 2, 2, 3)))]
        return rng.choice((rng.choice(STRINGS), rng.choice(STRINGS), rng.choice(NUMBERS), True, False, None))

    def event_for(self, pattern: dict[str, Any]) -> str:
        """Draw an event that has the fields of a pattern, with values likely to satisfy it, and sometimes more."""
        event = self._fitting(pattern, 4)
        if self._random.random() < 0.3:
            event |= self._object(2)
        return json.dumps(event, ensure_ascii=self._random.random() < 0.3)

    def _fitting(self, pattern: dict[str, Any], depth: int) -> dict[str, Any]:
        rng = self._random
        event: dict[str, Any] = {}
        for name, inner in pattern.items():
            if name == "$or":
                event |= self._fitting(rng.choice(inner), depth)
            elif isinstance(inner, dict):
                parts = [self._fitting(inner, depth - 1) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
                event[name] = parts[0] if len(parts) == 1 and rng.random() < 0.8 else parts
            elif rng.random() < 0.85:
                values = [self._fitting_value(rng.choice(inner)) for _ in range(rng.choice((1, 1, 1, 1, 2)))]
                event[name] = values[0] if len(values) == 1 and rng.random() < 0.8 else values
        return event

    def _fitting_value(self, test: Any) -> Any:
        rng = self._random
        if not isinstance(test, dict):
            return test if rng.random() < 0.7 else self._value(1)
        ((operator, operand),) = test.items()
        if operator == "numeric":
            return rng.choice((operand[1], operand[-1], (operand[1] + operand[-1]) / 2, "1"))
        text = operand["equals-ignore-case"] if isinstance(operand, dict) and operator != "anything-but" else operand
        if isinstance(text, str) and operator != "cidr":
            drawn = text.replace("*", rng.choice(("", "a", "b", "*"))).replace("\\", "")
            grown = {"prefix": drawn + "b", "suffix": "b" + drawn}.get(operator, drawn)
            return rng.choice((drawn, grown, drawn.upper(), drawn.lower()))
        return self._value(0)
