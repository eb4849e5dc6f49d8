"""A dead letter: what could not be read or finally not be delivered, with the reason and all that redriving needs."""

from __future__ import annotations

import base64
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from daemon.event import Delivery, Rejection
from daemon.sinks.text import json_text

_MOST_BODY_BYTES = 1024**2


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a dead-letter file, one message of a dead-letter queue, or one item of the state store."""

    id: str
    """The intent's id, or the identity of what was rejected."""
    parked_at: float
    """Seconds since the epoch."""
    origin: Literal["source", "target"]
    name: str
    """Of the source or target."""
    reason: str
    """A RejectReason or FailureKind."""
    detail: str
    attempts: int = 0
    rule: str = ""
    identity: str = ""
    """Of the event, where it could be read."""
    event: msgspec.Raw = msgspec.Raw(b"null")
    """The whole event, where it could be read."""
    body: str = ""
    """Else its bytes as text, in base64 where `body_encoding` says so, cut to 1 MiB."""
    body_encoding: Literal["", "base64"] = ""
    body_bytes: int = 0
    """Length before the cut."""

    @property
    def key(self) -> str:
        """32 hexadecimal digits that two letters share only where one is the other, parked again.

        An intent's id says all.  What is rejected may have the name of its place alone: a file's path and offset, where
        other bytes stand tomorrow.
        """
        body = self.body.encode("utf-8", "surrogatepass")
        named = f"{self.name}\x00{self.id}\x00{self.body_bytes}\x00".encode("utf-8", "surrogatepass")
        return blake2b(named + body, digest_size=16).hexdigest()

    def raw_body(self) -> bytes | None:
        """Return the bytes that could not be read; None where they are not all there."""
        try:
            body = base64.b64decode(self.body, validate=True) if self.body_encoding else self.body.encode()
        except ValueError:
            return None
        return body if len(body) == self.body_bytes else None


_DECODER = msgspec.json.Decoder(DeadLetter)


def rejection_letter(delivery: Delivery, rejection: Rejection, now: float) -> DeadLetter:
    """Return the letter for what a source delivered and nobody could read."""
    return DeadLetter(
        id=rejection.identity,
        parked_at=now,
        origin="source",
        name=delivery.source,
        reason=rejection.reason,
        detail=rejection.detail,
        attempts=delivery.attempt,
        **_quote_body(rejection.body),
    )


def _quote_body(body: bytes) -> dict[str, Any]:
    """Return the fields of a DeadLetter that hold unreadable bytes."""
    cut = body[:_MOST_BODY_BYTES]
    try:
        return {"body": cut.decode(), "body_bytes": len(body)}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(cut).decode(), "body_encoding": "base64", "body_bytes": len(body)}


def letter_text(letter: DeadLetter) -> str:
    """Return the letter as one line that files and queues take: the event in it is as it came, line ends and all."""
    return json_text(msgspec.json.encode(letter))


def read_letter(text: bytes) -> DeadLetter | None:
    """Return the letter that letter_text made; None for anything else that lies in a place."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
