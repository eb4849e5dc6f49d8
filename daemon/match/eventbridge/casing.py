"""How EventBridge ignores case: character by character over the pattern, never over the event.

Each character of the pattern may appear as it is, lowered or uppered: "ß" finds "ß" and "SS", but "SS" does not find
"ß".  `fold` maps everything that can be the same to the same text, so that an index finds all candidates; `verifier`
makes the test that settles it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum


class Side(Enum):
    """Which part of a value a text is compared with."""

    WHOLE = "whole"
    START = "start"
    END = "end"


def fold(text: str) -> str:
    """Return a text equal for all variants of `text`; other texts may share it."""
    return text.lower().upper()


def verifier(text: str, side: Side) -> Callable[[str], bool]:
    """Return a test whether that side of a value is a variant of `text`, given that their folds agree there."""
    size = len(text)
    if text.isascii():
        return {
            Side.WHOLE: str.isascii,
            Side.START: lambda value: value[:size].isascii(),
            Side.END: lambda value: value[max(len(value) - size, 0) :].isascii(),
        }[side]
    forward = re.compile("".join(map(_any_case, text)))
    if side is Side.WHOLE:
        return lambda value: forward.fullmatch(value) is not None
    if side is Side.START:
        return lambda value: forward.match(value) is not None
    backward = re.compile("".join(_any_case(character, step=-1) for character in reversed(text)))
    return lambda value: backward.match(value[::-1]) is not None


def _any_case(character: str, step: int = 1) -> str:
    """Return an expression for the variants of a character; no two of them begin alike, so it never backtracks."""
    variants = {character, character.lower(), character.upper()}
    return "(?:" + "|".join(sorted(re.escape(variant[::step]) for variant in variants)) + ")"
