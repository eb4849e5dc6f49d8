"""Events made to be slow, at doubling sizes: time for each byte must not grow.

Each meets a rule set that looks where it hurts; what cannot be matched in time is refused (DecodeError), which is
timed too.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

from daemon.errors import DecodeError
from daemon.match import Matcher
from tests.benchmarks.growth import Case, show

_ELEMENTS = (12_500, 25_000, 50_000, 100_000)
_CHARACTERS = (125_000, 250_000, 500_000, 1_000_000)
_DEPTHS = (125, 250, 500, 1_000)


def main() -> None:
    """Print a line for each case."""
    show(
        {
            "not an object": (_case(_one, lambda n: [0] * n), _ELEMENTS),
            "not JSON": (_case(_one, lambda n: b'{"a":"' + b"x" * n), _CHARACTERS),
            "blanks": (_case(_one, lambda n: b" " * n), _CHARACTERS),
            "zero bytes": (_case(_one, lambda n: b'{"a":"' + b"\0" * n + b'"}'), _CHARACTERS),
            "escaped zero bytes": (_case(_one, lambda n: {"a": "\0" * n}), _CHARACTERS),
            "wrong types on every path": (
                _case(_one, lambda n: {"a": _WRONG * n}),
                _ELEMENTS,
            ),
            "array of strings": (_case(_one, lambda n: {"a": [f"s{i}" for i in range(n)]}), _ELEMENTS),
            "array of objects": (_case(_one, lambda n: {"a": [{"b": i, "c": -i} for i in range(n)]}), _ELEMENTS),
            "arrays of arrays of objects": (_case(_one, _nested_arrays), _ELEMENTS),
            "depth of objects": (_case(_deep, lambda n: b'{"a":' * n + b"1" + b"}" * n), _DEPTHS),
            "depth of arrays": (_case(_one, lambda n: b'{"a":' + b"[" * n + b"1" + b",2]" * n + b"}"), _DEPTHS),
            "lone surrogates": (_case(_one, lambda n: {"a": ["\ud800x"] * n}), _ELEMENTS),
            "repeated names": (_case(_one, lambda n: b"{" + b'"a":1,' * n + b'"a":2}'), _ELEMENTS),
            "many names": (_case(_one, lambda n: {"a": {f"b{i}": i for i in range(n)}}), _ELEMENTS),
            "long numbers": (_case(_one, lambda n: b'{"a":' + b"9" * n + b"}"), _CHARACTERS),
            "long fractions": (_case(_one, lambda n: b'{"a":0.' + b"9" * n + b"}"), _CHARACTERS),
            "many huge numbers": (_case(_one, lambda n: b'{"a":[' + b"1e999," * n + b"1]}"), _ELEMENTS),
            "dotted names": (_case(_one, lambda n: {"a": [{"b.c": 1}, {"b": {"c": 2}}] * n}), _ELEMENTS),
            "names of dots": (_case(_one, lambda n: {"." * n: 1}), _CHARACTERS),
            "one path in two spellings": (_case(_two_spellings, lambda n: {"a": [_BOTH] * n}), _ELEMENTS),
            "one path in many spellings": (_case(_many_spellings, _spellings), (1_000, 2_000, 4_000, 8_000)),
            "backtracking wildcards": (_case(_wildcards, lambda n: {"a": "a" * n}), _CHARACTERS),
            "long text under many operators": (_case(_operators, lambda n: {"a": "10.1." * n}), _ELEMENTS),
            "100,000 elements, 2,000 rules": (_case(_two_thousand, _elements), _ELEMENTS),
            "the same, all rules match": (_case(_two_thousand, lambda n: {"a": [_ALL] * n}), _ELEMENTS),
            "the same, each element another field": (_case(_scattered, _scatter), _ELEMENTS),
            "the same, with dotted names": (
                _case(_two_thousand, _dotted),
                _ELEMENTS,
            ),
        }
    )


def _case(rules: Callable[[], Matcher], event: Callable[[int], Any]) -> Case:
    def case(size: int) -> tuple[int, Callable[[], object]]:
        drawn, find = event(size), rules().find
        body = drawn if isinstance(drawn, bytes) else json.dumps(drawn, separators=(",", ":")).encode()

        def work() -> object:
            try:
                return find(body)
            except DecodeError as error:
                return error

        return len(body), work

    return case


def _nested_arrays(size: int) -> Any:
    return {"a": [[[{"b": [[i]], "c": [{"d": [i]}]}], [], [[]]] for i in range(size)]}


def _dotted(size: int) -> Any:
    # No more values than a rule set remembers: with more, what takes longer is working them out again, not the names.
    return {"a": [{"b.b0": i % 2_000} for i in range(size)]}


_WRONG: list[Any] = [{"b": {"c": [[1]]}}, 7, {"b": 7}]
_BOTH = {"b": {"c": [{"x": 1}, {"y": 2}]}, "b.c": [{"x": 3}, {"z": 4}]}
_ALL = {"b": {f"b{i}": 1 for i in range(8)}}


def _spellings(size: int) -> Any:
    """Return an event in which each of eight conditions may be satisfied under each spelling of one path."""
    names = ["p.q.r.s", "p.q.r", "p.q", "p"]
    rng = random.Random(size)
    event: dict[str, Any] = {}
    for number, name in enumerate(names):
        value: Any = [dict.fromkeys((f"f{rng.randrange(8)}", f"f{rng.randrange(8)}"), 1) for _ in range(size)]
        for step in "qrs"[3 - number :]:
            value = {step: value}
        event[name] = value
    return {"a": [event]}


def _elements(size: int) -> Any:
    rng = random.Random(size)
    return {"a": [{"b": {f"b{rng.randrange(8)}": rng.randrange(2_000), f"b{i % 8}": i % 7}} for i in range(size)]}


def _scatter(size: int) -> Any:
    return {"a": [{f"f{i % 2_000}": 1} for i in range(size)]}


@cache
def _one() -> Matcher:
    return Matcher(
        {
            "one": {"a": {"b": [{"numeric": [">", 5]}], "c": [{"exists": True}]}},
            "two": {"a": [{"anything-but": [1, 2, 3]}, {"prefix": "s"}]},
            "three": {"a": {"b": {"c": [1]}, "c": {"d": [{"anything-but": "x"}]}}},
        }
    )


@cache
def _deep() -> Matcher:
    return Matcher({"rule": {".".join("a" * 1_000): [1], "b": [{"exists": False}]}})


@cache
def _two_spellings() -> Matcher:
    return Matcher(
        {"rule": {"a": {"b": {"c": {"x": [3], "y": [2], "z": [4]}}}}, "other": {"a.b.c.x": [1], "a.b.c.z": [4]}}
    )


@cache
def _many_spellings() -> Matcher:
    return Matcher({"rule": {"a": {"p": {"q": {"r": {"s": {f"f{i}": [1] for i in range(8)}}}}}}})


@cache
def _wildcards() -> Matcher:
    patterns = ["*a" * n + "*b" for n in range(1, 200)] + ["*" + "a" * n + "b*c" for n in range(1, 200)]
    return Matcher({f"rule-{n}": {"a": [{"wildcard": pattern}]} for n, pattern in enumerate(patterns)})


@cache
def _operators() -> Matcher:
    tests: list[Any] = [
        *({"cidr": f"10.{n}.0.0/16"} for n in range(200)),
        *({"prefix": "10.1." * n} for n in range(200)),
        *({"suffix": {"equals-ignore-case": "10.1." * n}} for n in range(200)),
        *({"anything-but": {"wildcard": f"*{n}.1*"}} for n in range(200)),
    ]
    return Matcher({f"rule-{n}": {"a": [test]} for n, test in enumerate(tests)})


@cache
def _two_thousand() -> Matcher:
    return Matcher(
        {f"rule-{n}": {"a": {"b": {f"b{n % 8}": [n, n % 7], f"b{(n + n // 8) % 8}": [n, 1]}}} for n in range(2_000)}
    )


@cache
def _scattered() -> Matcher:
    return Matcher({f"rule-{n}": {"a": {f"f{n}": [1], f"f{(n + 1) % 2_000}": [1]}} for n in range(2_000)})


if __name__ == "__main__":
    main()
