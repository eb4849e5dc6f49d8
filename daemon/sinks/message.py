"""What a notice looks like as an SNS or SQS message: the same text, attributes and limits for both."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from daemon.errors import FailureKind, PermanentError
from daemon.sinks.base import Notice
from daemon.sinks.text import message_text

LARGEST_MESSAGE_BYTES = 1_048_576
"""Text and attributes together (API references: SQS SendMessage; SNS Publish, where a topic's MaximumMessageSize may
lower it, to 256 KiB unless set: then SNS itself refuses)."""

_TOKEN = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Message:
    """Text, attributes and, for FIFO queues and topics, the order and identity of a message."""

    text: str
    attributes: Mapping[str, str]
    """Name to value; all are sent with the type String."""
    group: str
    """Messages of one group stay in order (FIFO only)."""
    deduplication: str
    """A second message of the same id within five minutes is taken and dropped (FIFO only)."""

    @property
    def size(self) -> int:
        """Bytes of text and attributes together, as SQS and SNS count them."""
        attributes = sum(len(name) + len("String") + len(value.encode()) for name, value in self.attributes.items())
        return len(self.text.encode()) + attributes

    def parameters(self, *, fifo: bool) -> dict[str, object]:
        """Return the call's parameters beside the text.  Raises PermanentError where the message is too large."""
        if self.size > LARGEST_MESSAGE_BYTES:
            raise PermanentError(
                FailureKind.REFUSED, f"{self.size} bytes of text and attributes are over {LARGEST_MESSAGE_BYTES}"
            )
        parameters: dict[str, object] = {
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in self.attributes.items()
            }
        }
        if fifo:
            parameters |= {"MessageGroupId": _token(self.group), "MessageDeduplicationId": _token(self.deduplication)}
        return parameters


def _token(text: str) -> str:
    """Return the text where it can be a group or deduplication id (SQS API reference, SendMessage), else its hash."""
    return text if _TOKEN.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()


def message_of(notice: Notice) -> Message:
    """Return the notice as a message: attributes rule, severity and vigild-key; grouped by rule."""
    return Message(
        text=message_text(notice),
        attributes={"rule": notice.rule, "severity": notice.severity.value, "vigild-key": notice.key},
        group=notice.rule,
        deduplication=notice.key,
    )
