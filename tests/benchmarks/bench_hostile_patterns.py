"""Patterns and filters made to be large or slow, at doubling sizes: neither reading them nor matching may get dearer.

First the time for each byte of a pattern that is compiled, or refused with its reason.  Then, for the largest that is
accepted of a kind, the time for each byte of an event that doubles.  bench_adversarial_filters.py has the matching of
hostile filters.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from daemon.errors import FilterError, PatternError
from daemon.match import FilterPattern, Matcher
from tests.benchmarks.growth import Case, Work, show

_MANY = (1_250, 2_500, 5_000, 10_000)
_CHARACTERS = (125_000, 250_000, 500_000, 1_000_000)
_WITHIN_LIMITS = (32, 64, 128, 256)
_FILTER = (120, 240, 480, 960)
_ODD = ('"', "a.b", "$.a", "$or", "😀", "\0", "\\", "\ud800", "[0]", "'")

_Made = Callable[[int], Any]


def main() -> None:
    """Print a line for each case."""
    show({f"read: {name}": (_read(Matcher, made), sizes) for name, (made, sizes) in _PATTERNS.items()})
    show({f"read filter: {name}": (_read_filter(made), sizes) for name, (made, sizes) in _FILTERS.items()})
    show({f"match: {name}": (_match(*case), _CHARACTERS) for name, case in _MATCHES.items()})


def _read(compiled: Callable[[dict[str, str]], object], made: _Made) -> Case:
    def case(size: int) -> tuple[int, Work]:
        drawn = made(size)
        text = drawn if isinstance(drawn, str) else json.dumps(drawn, separators=(",", ":"))

        def work() -> object:
            try:
                return compiled({"rule": text})
            except PatternError as error:
                return error

        return len(text), work

    return case


def _read_filter(made: Callable[[int], str]) -> Case:
    def case(size: int) -> tuple[int, Work]:
        text = made(size)

        def work() -> object:
            try:
                return FilterPattern(text)
            except FilterError as error:
                return error

        return len(text), work

    return case


def _match(pattern: Any, event: _Made) -> Case:
    matcher = Matcher({"rule": json.dumps(pattern)})

    def case(size: int) -> tuple[int, Work]:
        body = json.dumps(event(size), separators=(",", ":")).encode()
        return len(body), lambda: matcher.find(body)

    return case


def _values(test: Callable[[int], Any]) -> _Made:
    return lambda size: {"a": [test(number) for number in range(size)]}


def _nested_choices(size: int) -> Any:
    pattern: Any = {"a": [1]}
    for number in range(size):
        pattern = {"$or": [pattern, {f"b{number}": [1]}], "c": {"$or": [{"d": [1]}, {"e": [1]}]}}
    return pattern


def _chain(size: int) -> Any:
    """Return prefixes of each other, as many as make a text of that size."""
    return {"a": [{"prefix": "a" * length} for length in range(int((2 * size) ** 0.5))]}


def _odd_names(size: int) -> Any:
    return {f"{_ODD[number % len(_ODD)]}{number}": [1] for number in range(size)}


def _ranges(number: int) -> Any:
    return {"numeric": [">", -number, "<", number + 1]}


def _starred(number: int) -> Any:
    return {"wildcard": f"*a*a*a*a*{number}b"}


def _blocks(number: int) -> Any:
    return {"cidr": f"10.{number % 256}.{number >> 8}.0/{8 + number % 24}"}


def _addresses(size: int) -> Any:
    return {"a": [f"11.0.{number >> 8 & 255}.{number & 255}" for number in range(size // 16)]}


def _letters(size: int) -> str:
    return "".join(random.Random(size).choices("ab\u00df", k=size))


_PATTERNS: dict[str, tuple[_Made, tuple[int, ...]]] = {
    "10,000 values": (_values(lambda n: f"value-{n}"), _MANY),
    "10,000 wildcards": (_values(_starred), _MANY),
    "10,000 blocks": (_values(_blocks), _MANY),
    "10,000 ranges inside each other": (_values(_ranges), _MANY),
    "10,000 values excluded": (lambda n: {"a": [{"anything-but": [f"value-{i}" for i in range(n)]}]}, _MANY),
    "10,000 times anything-but": (_values(lambda n: {"anything-but": {"suffix": f"-{n}"}}), _MANY),
    "10,000 texts in any case": (_values(lambda n: {"prefix": {"equals-ignore-case": f"stra\u00dfe-{n}"}}), _MANY),
    "prefixes of each other": (_chain, _CHARACTERS),
    "a value of 1 MB": (lambda n: {"a": ["x" * n]}, _CHARACTERS),
    "a wildcard of 1 MB of stars": (lambda n: {"a": [{"wildcard": "*a" * (n // 2) + "*b"}]}, _CHARACTERS),
    "a text of 1 MB in any case": (lambda n: {"a": [{"equals-ignore-case": _letters(n)}]}, _CHARACTERS),
    "a name of 1 MB": (lambda n: {"x" * n: [1]}, _CHARACTERS),
    "a name of 1 MB of dots": (lambda n: {"." * n: [1]}, _CHARACTERS),
    "a number of 1 MB": (lambda n: '{"a":[0.' + "1" * n + "]}", _CHARACTERS),
    "$or of 10,000": (lambda n: {"$or": [{"a": [i]} for i in range(n)]}, _MANY),
    "$or of 800": (lambda n: {"$or": [{"a": [i], "b": [i]} for i in range(n)]}, (100, 200, 400, 800)),
    "$or inside $or": (_nested_choices, (25, 50, 100, 200)),
    "256 odd names": (_odd_names, _WITHIN_LIMITS),
    "10,000 odd names": (_odd_names, _MANY),
    "objects inside objects": (lambda n: '{"a":' * n + "[1]" + "}" * n, (100, 200, 400, 800)),
    "brackets": (lambda n: '{"a":' + "[" * n, _CHARACTERS),
    "no JSON": (lambda n: '{"a":["' + "\\u00" * n, _CHARACTERS),
    "the same name again and again": (lambda n: "{" + '"a":[1],' * n + '"a":[2]}', _MANY),
}

_FILTERS: dict[str, tuple[Callable[[int], str], tuple[int, ...]]] = {
    "terms": (lambda n: "?ab " * (n // 4), _FILTER),
    "an expression that backtracks": (lambda n: "%" + "a*" * (n // 2) + "b%", _FILTER),
    "an expression with groups": (lambda n: "%" + "(a*)*" * (n // 5) + "b%", _FILTER),
    "an expression of alternatives": (lambda n: "%" + "a|" * (n // 2) + "b%", _FILTER),
    "counts of counts": (lambda n: "%" + "[ab]{9}" * (n // 7) + "b%", _FILTER),
    "brackets in brackets": (lambda n: "{ " + "(" * (n // 2) + "$.a = 1" + ")" * (n // 2) + " }", _FILTER),
    "comparisons": (lambda n: "{ $.a = 1" + " || $.a=b" * (n // 9) + " }", _FILTER),
    "slots": (lambda n: "[" + "a=x*," * (n // 5) + "...]", _FILTER),
    "stars in a value": (lambda n: '{ $.a = "' + "*a" * (n // 2) + '" }', _FILTER),
    "too long": (lambda n: "{ " + "$.a=1 && " * (n // 9) + "$.a=1 }", _CHARACTERS),
}

_TEXT: _Made = lambda n: {"a": "a" * n}  # noqa: E731 - one of a table's
_MATCHES: dict[str, tuple[Any, _Made]] = {
    "10,000 values": (_values(lambda n: f"value-{n}")(10_000), _TEXT),
    "10,000 wildcards": (_values(_starred)(10_000), lambda n: {"a": "a1" * (n // 2)}),
    "10,000 texts in any case": (_PATTERNS["10,000 texts in any case"][0](10_000), lambda n: {"a": "\u00df" * n}),
    "prefixes of each other": (_chain(1_000_000), _TEXT),
    "a wildcard of many stars": ({"a": [{"wildcard": "*a" * 5_000 + "*b"}]}, _TEXT),
    "wildcards that overlap": ({"a": [{"wildcard": "*" + "a" * n + "b*"} for n in range(1, 200)]}, _TEXT),
    "256 odd names": (_odd_names(256), lambda n: dict.fromkeys(_odd_names(n // 8), 1)),
    "10,000 ranges": (_values(_ranges)(10_000), lambda n: {"a": list(range(-n // 8, 0))}),
    "10,000 blocks": (
        _values(_blocks)(10_000),
        _addresses,
    ),
    "$or of 800": (_PATTERNS["$or of 800"][0](800), lambda n: {"a": list(range(n // 8)), "b": list(range(n // 8))}),
}


if __name__ == "__main__":
    main()
