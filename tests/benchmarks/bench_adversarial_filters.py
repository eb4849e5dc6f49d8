"""Messages and filter patterns made to be slow: nanoseconds for each character of a message that doubles in size.

A line whose figures do not grow from left to right says that the time is linear in the message.  The last lines double
the number of filters instead, over the same CloudTrail-like message.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

from daemon.match.logs import FilterSet

_SIZES = tuple(2**power for power in range(14, 20))
_ROUNDS = 3
_FILTERS = (500, 1_000, 2_000, 4_000, 8_000)

_rng = random.Random(1)

CASES: dict[str, tuple[str, Callable[[int], str]]] = {
    "expression that backtracks": ("%a*a*a*a*a*b%", lambda size: "a" * size),
    "counted class, 500 states": ("%a[ab]{499}c%", lambda size: _letters("ab", size)),
    "counted alternatives": ("%a.{99}d|b.{99}e|c.{99}f%", lambda size: _letters("abc", size)),
    "stars in a JSON value": ('{ $.a = "*a*a*a*a*b" }', lambda size: f'{{"a":"{"a" * size}"}}'),
    "expression on a JSON value": ("{ $.a = %x.{500}y% }", lambda size: f'{{"a":"{"x" * size}"}}'),
    "wide array": ('{ $.a[*] = "b" }', lambda size: f'{{"a":[{"1," * (size // 2)}1]}}'),
    "wide object": ('{ $.* = "b" }', lambda size: "{" + ",".join(f'"k{n:07}":1' for n in range(size // 12)) + "}"),
    "deep objects": ("{ $.a.b = 1 }", lambda size: '{"a":' * (size // 6) + "1" + "}" * (size // 6)),
    "deep arrays": ("{ $.a.b = 1 }", lambda size: '{"a":' + "[" * (size // 2) + "]" * (size // 2) + "}"),
    "repeated names": ('{ $.a = "x" }', lambda size: "{" + '"a":"y",' * (size // 8) + '"a":"z"}'),
    "huge number": ("{ $.a = 1 }", lambda size: f'{{"a":{"1" * size}}}'),
    "escaped lone surrogates": ('{ $.a = "x" }', lambda size: '{"a":"' + r"\ud800" * (size // 6) + '"}'),
    "lone surrogates": ('"a" %b.c%', lambda size: "\ud800" * size),
    "brackets that never close": ("[a = x, ...]", lambda size: "[" * size),
    "quotes that never close": ('[..., a = "x", b]', lambda size: ' "x' * (size // 3)),
    "fields without blanks": ("[a = x, ...]", lambda size: "[x]" * (size // 3)),
    "words": ("[..., a = x, b]", lambda size: "w " * (size // 2)),
    "a number of a megabyte": ("[a > 5, b]", lambda size: "9" * size + " x"),
}


def _letters(alphabet: str, size: int) -> str:
    return "".join(_rng.choices(alphabet, k=size))


def main() -> None:
    """Print a line for each case, then one for each number of filters."""
    for name, (pattern, message) in CASES.items():
        compiled = FilterSet({"case": pattern})
        figures = [_nanoseconds(compiled, message(size)) / size for size in _SIZES]
        print(f"{name:28}" + "".join(f"{figure:9.1f}" for figure in figures) + "  ns a character", flush=True)
    for count in _FILTERS:
        shared = FilterSet({f"filter-{n}": f"?ERROR ?Exception{n} ?fail{n % 100:03}" for n in range(count)})
        own = FilterSet({f"filter-{n}": f"?Refused{n:05} ?Denied{n:05}" for n in range(count)})
        text = _letters("abcdefghij {}:,0123456789", 1_250)
        print(
            f"{count:6,} filters of ?terms: {_nanoseconds(shared, text) / 1e3:8.1f} µs a message,"
            f" with terms of their own: {_nanoseconds(own, text) / 1e3:8.1f} µs",
            flush=True,
        )


def _nanoseconds(compiled: FilterSet, message: str) -> float:
    compiled.match(message)
    taken = []
    for _ in range(_ROUNDS):
        started = time.process_time_ns()
        compiled.match(message)
        taken.append(time.process_time_ns() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
