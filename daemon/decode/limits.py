"""How large input may be, and whose word is taken for what it says: the options of decoding."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from daemon.yaml_file import Strict


class UnknownJson(StrEnum):
    """What becomes of JSON objects of no known shape."""

    WRAP = "wrap"
    REJECT = "reject"


class DecodeLimits(Strict):
    """How large input may be; what is larger is rejected and parked."""

    max_event_bytes: int = Field(default=1024**2, ge=1024, le=64 * 1024**2)
    """Of one event's JSON, or of a log event's message.  The default is what SQS, EventBridge and CloudWatch Logs carry
    at most."""
    max_document_bytes: int = Field(default=64 * 1024**2, ge=1024, le=1024**3)
    """Of a document once unpacked: a CloudTrail file, or a gzip bomb."""
    event_log_groups: tuple[str, ...] | None = None
    """Log groups, by name or by prefix with a `*` behind it, whose messages may be CloudTrail records or EventBridge
    events; in all others a message is a line, whatever it looks like, because who can have lines logged could forge
    events.  Unless set: those with `cloudtrail` in their name, but for functions' `/aws/lambda/*`, and EventBridge's
    `/aws/events/*`.  Once set, these and no others: name them where a trail writes to a group of another name, or where
    a subscription of the whole account takes in groups that anybody may create."""
    unknown_json: UnknownJson = UnknownJson.WRAP
    """JSON objects of no known shape: `wrap` makes events of them (`source: vigild.json`), for rules to match; `reject`
    counts and parks them, where queues must carry nothing else than AWS's own events (`failures.source_unknown`)."""
