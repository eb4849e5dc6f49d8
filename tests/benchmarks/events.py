"""Events as the matcher gets them, for the yardstick of every benchmark that goes on from them."""

from __future__ import annotations

from pathlib import Path

from daemon.decode import DecodeLimits, Decoder
from daemon.event import Delivery, Event


def events_in(folder: Path) -> list[bytes]:
    """Return the events of all CloudTrail files in a folder's tree."""
    decoder, found = Decoder(DecodeLimits()), []
    for path in sorted(folder.rglob("*.json.gz")):
        delivery = Delivery(source="b", identity=str(path), body=path.read_bytes(), receipt=None, received_at=0.0)
        found += [item.body for item in decoder.decode(delivery) if isinstance(item, Event)]
    return found
