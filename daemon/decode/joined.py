"""Several JSON documents in one piece, one behind the other: Firehose and gzip members joined; decode/__init__.py asks.

Pure, and linear in the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SEAM = re.compile(rb'\}\s*(?=\{"[A-Za-z])')
"""Nowhere inside valid JSON: between objects stands a comma, and behind a string's closing quote no letter."""


def are_joined(body: bytes) -> bool:
    """Return whether there are several documents."""
    return _SEAM.search(body) is not None


def joined_documents(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each document with the place where it begins."""
    start = 0
    for seam in _SEAM.finditer(body):
        yield start, body[start : seam.start() + 1]
        start = seam.end()
    yield start, body[start:].strip()
