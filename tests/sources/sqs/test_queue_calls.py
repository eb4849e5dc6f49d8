from __future__ import annotations

import pytest

from daemon.clients.hot_calls import ReceivedMessage
from daemon.sources.sqs.queue_calls import read_message


def test_half_a_surrogate_pair_becomes_bytes() -> None:
    """Text that no UTF-8 can hold still becomes bytes, for decode to refuse that one message."""
    message = read_message(ReceivedMessage("1", "h", "a\ud800"))
    assert message.body == b"a\xed\xa0\x80"
    with pytest.raises(UnicodeDecodeError):
        message.body.decode()
