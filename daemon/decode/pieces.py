"""Names the events of a delivery that holds several, where they have no names of their own.

The decoders of joined documents, lines and `Records` call it.
"""

from __future__ import annotations

import msgspec

from daemon.dedupe.identity import is_named_by_source
from daemon.event import Delivery, Framing


def piece_of(delivery: Delivery, place: int) -> Delivery:
    """Return the delivery as the carrier of the one event at this place.

    Named by the message and the place, two events of the same bytes are two, and one that is delivered again is known.
    A file is named by its path, under which other bytes may stand tomorrow: what is in it goes by its bytes.
    """
    framing = Framing.DOCUMENT if is_named_by_source(delivery) else Framing.LINES
    return msgspec.structs.replace(delivery, identity=f"{delivery.identity}+{place}", framing=framing)
