"""JSON objects of no known shape, put under `detail` of an envelope so that the same patterns reach them.

shapes.py calls wrap_unknown last.  A rule selects them with `source: [vigild.json]`.
"""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from daemon.decode.limits import DecodeLimits, UnknownJson
from daemon.dedupe.identity import carried_identity
from daemon.errors import DecodeError, RejectReason
from daemon.event import Delivery, Event

UNKNOWN_SOURCE = "vigild.json"


def wrap_unknown(document: bytes, delivery: Delivery, limits: DecodeLimits) -> Event:
    """Return an event with source "vigild.json" whose detail is the document and whose time is that of its receipt.

    Raises DecodeError where the configuration does not want it.
    """
    if limits.unknown_json is UnknownJson.REJECT:
        raise DecodeError(RejectReason.UNKNOWN_SHAPE, "a JSON object that nothing known to vigild sends")
    identity = carried_identity(delivery, document)
    time = datetime.fromtimestamp(delivery.received_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    wrapped = b"".join(
        (
            b'{"version":"0","id":',
            orjson.dumps(identity),
            b',"detail-type":"JSON document","source":"%b","account":"","time":' % UNKNOWN_SOURCE.encode(),
            orjson.dumps(time),
            b',"region":"","resources":[],"detail":',
            document,
            b"}",
        )
    )
    return Event(identity, wrapped, time)
