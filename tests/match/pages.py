"""Reads the normative pages of docs/: blocks of lines that each begin with a keyword, as the page itself explains."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs"


class Step(NamedTuple):
    """A line of a block, with what it speaks of."""

    keyword: str
    text: str
    pattern: str
    """The last pattern above it, accepted or refused."""
    example: str
    """The last event or message above it."""
    line: int


def steps(page: str, fence: str, keywords: Sequence[str]) -> Iterator[Step]:
    """Yield the lines of a page's blocks but for the patterns alone; fail on one that begins with no keyword."""
    expression = re.compile(rf"({'|'.join(keywords)})(?: +(.*))?")
    pattern = example = ""
    is_inside = False
    for number, line in enumerate((DOCS / page).read_text().splitlines(), start=1):
        if line.startswith("```"):
            is_inside = line == f"```{fence}"
            continue
        if not is_inside:
            continue
        found = expression.fullmatch(line)
        assert found, f"line {number} begins with none of {', '.join(keywords)}: {line}"
        keyword, text = found[1], found[2] or ""
        if keyword in ("pattern", "refused"):
            pattern = text
        elif keyword in ("match", "no match"):
            example = text
        if keyword != "pattern":
            yield Step(keyword, text, pattern, example, number)
