"""How values and names of events are written where people read them: short, and without what upsets a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

MOST_CHARACTERS: Final = 200


def cut(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return the beginning of a text, control characters, direction marks and lone surrogates written as escapes."""
    short = text if len(text) <= most else text[: most - 1] + "…"
    return short if short.isprintable() else "".join(map(_printable, short))


def json_text(value: object) -> str:
    """Return a scalar as JSON, cut."""
    if isinstance(value, str):
        value = value[: MOST_CHARACTERS + 1]
    elif isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4 * MOST_CHARACTERS:
        return f"a number of some {value.bit_length() * 3 // 10} digits"
    return cut(json.dumps(value, ensure_ascii=False))


def dotted(names: Iterable[str]) -> str:
    """Return names joined with dots, cut."""
    return cut(".".join(names))


def _printable(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
