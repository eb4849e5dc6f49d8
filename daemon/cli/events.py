"""Reads one file of events for commands that look at single events, through the decoder that the daemon uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from daemon.decode import DecodeLimits, Decoder
from daemon.decode.envelope import unpack
from daemon.errors import ConfigError, DecodeError
from daemon.event import Delivery, Event, Framing, Rejection
from daemon.sources.file.formats import FileFormat, named_for_lines

_STANDARD_INPUT = "-"
_DESCRIPTOR = 0


def read_events(path: str, limits: DecodeLimits) -> Iterator[Event | Rejection]:
    """Yield the events of a file, or of standard input for "-": one document, whole or over many lines, or one a line.

    Raises ConfigError for a file that cannot be read, or is larger than a document may be.
    """
    body = _read(path, limits.max_document_bytes)
    delivery = Delivery(
        source="command",
        identity=f"file:{path}",
        body=body,
        receipt=None,
        received_at=0.0,
        framing=_framing(path, body, limits.max_document_bytes),
    )
    return Decoder(limits).decode(delivery)


def _read(path: str, most: int) -> bytes:
    try:
        with os.fdopen(os.dup(_DESCRIPTOR), "rb") if path == _STANDARD_INPUT else Path(path).open("rb") as file:
            body = file.read(most + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"{path}: {reason}") from error
    if len(body) > most:
        raise ConfigError(f"{path}: larger than limits.max_document_bytes ({most})")
    return body


def _framing(path: str, body: bytes, most: int) -> Framing:
    """Lines, if the file is named for them, or its first line is a document and all of it is none."""
    try:
        text = unpack(body, most)
    except DecodeError:
        # The decoder will say so.
        return Framing.DOCUMENT
    if named_for_lines(path.lower().removesuffix(".gz"), FileFormat.AUTO):
        return Framing.LINES
    first, line_feed, rest = text.strip().partition(b"\n")
    return Framing.LINES if line_feed and rest and _is_json(first) and not _is_json(text) else Framing.DOCUMENT


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
