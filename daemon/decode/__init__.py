"""Turns a delivery's bytes into EventBridge-shaped events, and into rejections where that cannot be done.

pipeline/ calls `Decoder.decode` with every delivery, whatever its source; the shapes are told apart by content, so one
queue may carry several.  Each shape has a file: envelope.py unpacks gzip and base64, shapes.py tells documents apart
and takes SNS off, then cloudtrail.py, cloudwatch_logs.py, eventbridge.py, s3_notification.py or unknown.py makes the
event.

To add a format:
1. a file with a function `(document, delivery) -> Iterator[Event | Rejection]` (or one event) in this folder;
2. its identity in daemon/dedupe/identity.py, if it has one of its own;
3. how it is recognised, in shapes.py;
4. tests/decode/test_<format>.py, with its bad input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from daemon.decode.envelope import unpack
from daemon.decode.joined import are_joined, joined_documents
from daemon.decode.limits import DecodeLimits
from daemon.decode.pieces import piece_of
from daemon.decode.record_screen import RecordScreen
from daemon.decode.shapes import read_document, read_event
from daemon.errors import DecodeError, RejectReason
from daemon.event import Delivery, Event, Framing, LineRules, LogRecord, Rejection, Screen, Unwanted

__all__ = ("DecodeLimits", "Decoder")


_LINE = re.compile(rb"\S[^\n]*")


def _no_line_rules(_group: str, _record: LogRecord) -> None:
    return None


class Decoder:
    """Holds its limits and the last screen it was given; decode may run for several deliveries in turn."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._screen = RecordScreen((), _no_line_rules)

    def decode(self, delivery: Delivery) -> Iterator[Event | Rejection]:
        """Yield the delivery's events in order; at least one item unless the delivery holds an empty list, only blank
        lines, or a CONTROL_MESSAGE of CloudWatch Logs.  Never raises DecodeError: what cannot be read is yielded as a
        Rejection.
        """
        return cast("Iterator[Event | Rejection]", self.decode_wanted(delivery, ()))

    def decode_wanted(
        self, delivery: Delivery, screen: Screen, line_rules: LineRules = _no_line_rules
    ) -> Iterator[Event | Unwanted | Rejection]:
        """As decode, but yield Unwanted for events that the screen rules out, where that is cheap to see.

        `line_rules` goes with the screen and changes with it.
        """
        if delivery.framing is Framing.DOCUMENT and "oversize" not in delivery.attributes:
            event = read_event(delivery.body, self._limits)
            if event is not None:
                return iter((event,))
        if screen is not self._screen.screen:
            self._screen = RecordScreen(screen, line_rules)
        return self._look_closer(delivery)

    def _look_closer(self, delivery: Delivery) -> Iterator[Event | Unwanted | Rejection]:
        try:
            self._check_attributes(delivery)
            body = unpack(delivery.body, self._limits.max_document_bytes)
            if delivery.framing is Framing.LINES:
                yield from self._each(_lines(body), delivery)
            else:
                yield from self._document(body, delivery)
        except DecodeError as error:
            yield Rejection(delivery.identity, error.reason, error.detail, delivery.body)

    def _document(self, body: bytes, delivery: Delivery) -> Iterator[Event | Unwanted | Rejection]:
        """Read one document, or several joined as Firehose joins records: with line feeds or nothing between them."""
        try:
            yield from read_document(body, delivery, self._limits, self._screen)
        except DecodeError as error:
            if error.reason is not RejectReason.NOT_JSON or not are_joined(body):
                raise
            yield from self._each(joined_documents(body), delivery)

    def _each(
        self, documents: Iterator[tuple[int, bytes]], delivery: Delivery
    ) -> Iterator[Event | Unwanted | Rejection]:
        """Read several documents, each for itself; they come with their places in the delivery."""
        for start, document in documents:
            piece = piece_of(delivery, start)
            try:
                yield from read_document(document, piece, self._limits, self._screen)
            except DecodeError as error:
                yield Rejection(piece.identity, error.reason, error.detail, document)

    def _check_attributes(self, delivery: Delivery) -> None:
        """Refuse what the source itself could not hand over whole (see daemon/sources/file/)."""
        if "unreadable" in delivery.attributes:
            raise DecodeError(RejectReason.UNREADABLE, delivery.attributes["unreadable"])
        if "oversize" in delivery.attributes:
            raise DecodeError(RejectReason.TOO_LARGE, f"{delivery.attributes['oversize']} bytes")


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with the places where their text begins.

    One after the other: a few kilobytes of gzip may hold millions.
    """
    for line in _LINE.finditer(body):
        yield line.start(), line.group().rstrip()
