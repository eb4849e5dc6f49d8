"""Guesses what somebody meant to write; whoever refuses a name that is not known adds it to the message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_KNOWN = 20
"""Names that are listed where none comes close."""
_SURELY = 0.75
"""`$orr`, `or` and `$OR` come so near to `$or`, `for` does not."""


def comes_near(word: str, meant: str) -> bool:
    """Return whether one word that is taken for something else may be a slip for this one."""
    return bool(difflib.get_close_matches(word.casefold(), (meant,), cutoff=_SURELY))


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" or, with nothing close, "; known: ...", "" where nothing is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    more = f" and {len(names) - _MOST_KNOWN} more" if len(names) > _MOST_KNOWN else ""
    return f"; known: {', '.join(names[:_MOST_KNOWN])}{more}" if names else ""
