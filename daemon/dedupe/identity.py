"""The identity of an event: the same over every path it takes, so that an event which comes twice is known.

A CloudTrail event has one eventID whether EventBridge, S3 or CloudWatch Logs delivers it; what has no name of its own
takes the name of the message that carried it; what has none at all is named by its bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from daemon.event import Delivery, Framing

cloudtrail_identity: Callable[[str], str] = "cloudtrail:".__add__
"""Return the identity of a CloudTrail record with this eventID; in C, because most events need nothing but this."""


def eventbridge_identity(event_id: str) -> str:
    """Return the identity of an EventBridge event with this id."""
    return "eventbridge:" + event_id


def s3_identity(*names: str) -> str:
    """Return the identity of what befell an object, by bucket, key, version, sequencer and the event's name: the same
    in the notifications of several configurations.
    """
    return "s3:" + _digest("\x00".join(names).encode("utf-8", "surrogatepass"))


def log_event_identity(event_id: str, body: bytes) -> str:
    """Return the identity of a log event that is nothing but a line: CloudWatch Logs' id for it, else its bytes'."""
    return "logs:" + event_id if event_id else _hash_identity(body)


def is_named_by_source(delivery: Delivery) -> bool:
    """Whether the delivery's identity stays when it is delivered again: its message's or record's own name."""
    return delivery.identity.startswith(("sqs:", "sns:", "kinesis:"))


def name_with_line(identity: str, group: str) -> str:
    """Return what the window of settled events calls an event that came with its line in a log group.

    Rules on that group ask more of it than of the same event that came another way, or out of another group.
    """
    return f"{identity} in {group}"


def carried_identity(delivery: Delivery, body: bytes) -> str:
    """Return the identity of an event without a name: that of the message which holds nothing else, or of the piece of
    a message (daemon/decode/pieces.py); else its bytes'.
    """
    if delivery.framing is Framing.DOCUMENT and is_named_by_source(delivery):
        return delivery.identity
    return _hash_identity(body)


def _hash_identity(body: bytes) -> str:
    return "hash:" + _digest(body)


def _digest(named: bytes) -> str:
    return hashlib.blake2b(named, digest_size=16).hexdigest()


def intent_identity(event: str, rule: str, target: str) -> str:
    """Return the 32 hexadecimal digits that name (event, rule, target): claim key and idempotency key in one."""
    return _digest(f"{event}\x00{rule}\x00{target}".encode("utf-8", "surrogatepass"))
