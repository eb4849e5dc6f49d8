"""Turns a delivery's bytes into EventBridge-shaped events, and into rejections where that cannot be done.

pipeline/ calls `Decoder.decode` with every delivery, whatever its source; the shapes are told apart by content, so one
queue may carry several.  Each shape has a file: envelope.py unpacks gzip and base64, shapes.py tells
documents apart and takes SNS off, then cloudtrail.py, eventbridge.py or unknown.py makes the event.

To add a format:
1. a file with a function `(document, delivery) -> Iterator[Event | Rejection]` (or one event) in this folder;
2. its identity in daemon/dedupe/identity.py, if it has one of its own;
3. how it is recognised, in shapes.py;
4. tests/decode/test_<format>.py, with its bad input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pydantic import Field

from daemon.decode.envelope import unpack
from daemon.decode.record_screen import RecordScreen
from daemon.decode.shapes import read_document
from daemon.errors import DecodeError, RejectReason
from daemon.event import Delivery, Event, Framing, Rejection, Screen, Unwanted
from daemon.yaml_file import Strict

__all__ = ("DecodeLimits", "Decoder")


class DecodeLimits(Strict):
    """How large input may be; what is larger is rejected and parked."""

    max_event_bytes: int = Field(default=1024**2, ge=1024, le=64 * 1024**2)
    """Of one event's JSON.  The default is what SQS and EventBridge carry at most."""
    max_document_bytes: int = Field(default=64 * 1024**2, ge=1024, le=1024**3)
    """Of a document once unpacked: a CloudTrail file, or a gzip bomb."""


class Decoder:
    """Holds its limits and the last screen it was given; decode may run for several deliveries in turn."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._screen = RecordScreen(())

    def decode(self, delivery: Delivery) -> Iterator[Event | Rejection]:
        """Yield the delivery's events in order; at least one item unless the delivery holds an empty list or only
        blank lines.  Never raises DecodeError: what cannot be read is yielded as a Rejection.
        """
        return cast("Iterator[Event | Rejection]", self.decode_wanted(delivery, ()))

    def decode_wanted(self, delivery: Delivery, screen: Screen) -> Iterator[Event | Unwanted | Rejection]:
        """As decode, but yield Unwanted for events that the screen rules out, where that is cheap to see."""
        if screen is not self._screen.screen:
            self._screen = RecordScreen(screen)
        try:
            self._check_attributes(delivery)
            body = unpack(delivery.body, self._limits.max_document_bytes)
            if delivery.framing is Framing.LINES:
                yield from self._lines(body, delivery)
            else:
                yield from read_document(body, delivery, self._limits.max_event_bytes, self._screen)
        except DecodeError as error:
            yield Rejection(delivery.identity, error.reason, error.detail, delivery.body)

    def _lines(self, body: bytes, delivery: Delivery) -> Iterator[Event | Unwanted | Rejection]:
        start = 0
        for line in body.split(b"\n"):
            document = line.strip()
            if not document:
                start += len(line) + 1
                continue
            try:
                yield from read_document(document, delivery, self._limits.max_event_bytes, self._screen)
            except DecodeError as error:
                yield Rejection(f"{delivery.identity}+{start}", error.reason, error.detail, document)
            start += len(line) + 1

    def _check_attributes(self, delivery: Delivery) -> None:
        """Refuse what the source itself could not hand over whole (see daemon/sources/file/)."""
        if "unreadable" in delivery.attributes:
            raise DecodeError(RejectReason.UNREADABLE, delivery.attributes["unreadable"])
        if "oversize" in delivery.attributes:
            raise DecodeError(RejectReason.TOO_LARGE, f"{delivery.attributes['oversize']} bytes")
