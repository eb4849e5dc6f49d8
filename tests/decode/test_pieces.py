from __future__ import annotations

import orjson
import pytest

from daemon.decode import DecodeLimits, Decoder
from daemon.event import Delivery, Framing

SAME = b'{"alarm":"on"}'


def identities(body: bytes, identity: str, framing: Framing = Framing.DOCUMENT) -> list[str]:
    delivery = Delivery(source="s", identity=identity, body=body, receipt=None, received_at=0.0, framing=framing)
    return [item.identity for item in Decoder(DecodeLimits()).decode(delivery)]


@pytest.mark.parametrize(
    ("body", "framing"),
    [
        (orjson.dumps({"Records": [{"alarm": "on"}, {"alarm": "on"}, 5]}), Framing.DOCUMENT),
        (SAME + b"\n" + SAME + b"\n{", Framing.LINES),
        (SAME + SAME + b'{"broken', Framing.DOCUMENT),
    ],
    ids=["records", "lines", "joined"],
)
@pytest.mark.parametrize("name", ["sqs:one", "kinesis:stream:shard:7"])
def test_equal_events_of_one_message_are_several(body: bytes, framing: Framing, name: str) -> None:
    """Events and rejections go by the message's name and their place in it: none hides another."""
    first, second = identities(body, name, framing), identities(body, name, framing)

    assert len(set(first)) == len(first) == 3
    assert all(identity.startswith(f"{name}+") for identity in first)
    assert first == second


def test_events_in_a_file_go_by_their_bytes() -> None:
    """Under a file's path other bytes may stand tomorrow, so its lines are not named by it."""
    (first, second) = identities(SAME + b"\n" + SAME, "file:/var/log/events.ndjson:0", Framing.LINES)

    assert first == second
    assert first.startswith("hash:")


def test_the_only_event_of_a_message_has_the_message_s_name() -> None:
    """A message that is one event lends it its name."""
    assert identities(SAME, "sqs:one") == ["sqs:one"]
