"""Makes a counter-example small: takes JSON values apart as long as what is wrong stays wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def shrink(value: Any, is_wrong: Callable[[Any], bool]) -> Any:
    """Return a value of which no part can be left out or made simpler without `is_wrong` becoming false."""
    smaller: Any = value
    while smaller is not None:
        value = smaller
        smaller = next((candidate for candidate in _simpler(value) if is_wrong(candidate)), None)
    return value


def _simpler(value: Any) -> Iterator[Any]:
    """Yield what is one step simpler, the boldest steps first."""
    if isinstance(value, dict):
        yield from (inner for inner in value.values() if isinstance(inner, dict))
        yield from ({other: value[other] for other in value if other != name} for name in value)
        yield from (value | {name: inner} for name in value for inner in _simpler(value[name]))
    elif isinstance(value, list):
        yield from value
        yield from (value[:at] + value[at + 1 :] for at in range(len(value)))
        yield from ([*value[:at], inner, *value[at + 1 :]] for at in range(len(value)) for inner in _simpler(value[at]))
    elif isinstance(value, str) and value:
        yield from (value[: len(value) // 2], value[1:], value[:-1])
    elif isinstance(value, int | float) and value not in (0, 1):
        yield from (0, 1)
