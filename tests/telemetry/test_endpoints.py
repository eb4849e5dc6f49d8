from __future__ import annotations

import socket

import pytest

from daemon.clock import SystemClock
from daemon.telemetry import build_telemetry
from daemon.telemetry.endpoints import serve_endpoints

BAD = [
    b"GET " + b"A" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /\x00 HTTP/9.9\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\r\n\r\n",
]
"""A line too long, no such version, TLS."""


@pytest.mark.parametrize("sent", BAD, ids=["long", "version", "tls"])
def test_a_request_that_is_none_is_refused_and_not_logged(capsys: pytest.CaptureFixture[str], sent: bytes) -> None:
    """Whoever reaches the port can fill no disk with what it sends."""
    telemetry = build_telemetry(clock=SystemClock())
    with (
        serve_endpoints("127.0.0.1", 0, telemetry.metrics, telemetry.health) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as client,
    ):
        client.sendall(sent)
        answer = client.recv(1_000)

    assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert capsys.readouterr().err == ""
