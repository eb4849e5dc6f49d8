"""Tells how a file is handed over: whole, or cut into runs of lines; pure.  reading.py and stdin.py ask.

A gzip file is never unpacked here: it is handed over whole, and decode unpacks it.
"""

from __future__ import annotations

from enum import StrEnum

import orjson

from daemon.event import Framing

GZIP_MAGIC = b"\x1f\x8b"
_LINE_SUFFIXES = (".ndjson", ".jsonl", ".log")
_UTF8_BOM = b"\xef\xbb\xbf"


class FileFormat(StrEnum):
    """What files hold."""

    AUTO = "auto"
    LINES = "lines"
    DOCUMENT = "document"


class Handling(StrEnum):
    """How a file is handed over."""

    CUT = "cut"  # runs of lines, Framing.LINES
    WHOLE_DOCUMENT = "whole_document"
    WHOLE_LINES = "whole_lines"  # gzip around lines

    @property
    def framing(self) -> Framing:
        """What decode is told."""
        return Framing.DOCUMENT if self is Handling.WHOLE_DOCUMENT else Framing.LINES


def named_for_lines(path: str, declared: FileFormat) -> bool:
    """True where configuration or name say that the file holds lines, so that only gzip needs to be looked for."""
    return declared is FileFormat.LINES or (declared is FileFormat.AUTO and path.lower().endswith(_LINE_SUFFIXES))


def handling_of(path: str, declared: FileFormat, opening: bytes, *, is_cut_off: bool) -> Handling:
    """Decide by what was declared, by the name, then by the opening bytes.

    `opening` holds as much as a line may be long; `is_cut_off` tells that the file is longer.
    """
    if opening.startswith(GZIP_MAGIC):
        inner = path.lower().removesuffix(".gz")
        return Handling.WHOLE_LINES if named_for_lines(inner, declared) else Handling.WHOLE_DOCUMENT
    if named_for_lines(path, declared):
        return Handling.CUT
    suffix = path.lower().rpartition(".")[2]
    if declared is FileFormat.DOCUMENT or suffix == "gz":
        return Handling.WHOLE_DOCUMENT
    first, line_feed, rest = opening.removeprefix(_UTF8_BOM).lstrip().partition(b"\n")
    if suffix == "json":
        is_cut = bool(line_feed and rest.strip()) and _is_object(first)
    else:
        # A first line that leaves a bracket open begins a document over many lines, and one that is longer than a
        # line may be can only be a document.
        is_cut = not first.rstrip().endswith((b"{", b"[")) and (bool(line_feed) or not is_cut_off)
    return Handling.CUT if is_cut else Handling.WHOLE_DOCUMENT


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
