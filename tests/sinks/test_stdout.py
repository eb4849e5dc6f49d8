"""Lines for people on standard output, and what happens when nobody reads them."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.sinks.base import Sink
from tests.sinks.examples import HOSTILE_EVENT, notice
from tests.sinks.rigs import build_sink

_HOSTILE_EVENT = HOSTILE_EVENT.replace(b'"half a pair":"\\ud800",', b"")


def _sink(**options: object) -> Sink:
    return build_sink(AwsClients(AwsSettings()), {"type": "stdout", **options})


@pytest.mark.anyio
async def test_a_line_for_people(capfd: pytest.CaptureFixture[str]) -> None:
    """Time, severity, rule, place, description and what happened to what stand on one line."""
    await _sink().send(notice())
    assert capfd.readouterr().out == (
        "2026-11-11T21:29:54Z HIGH     instance-started 123456789012/us-east-1 An instance was started"
        " | EC2 Instance State-change Notification on instance-id=i-0123456789: running\n"
    )


@pytest.mark.anyio
async def test_hostile_text_is_shown_not_obeyed(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither event nor description can end the line, colour it or turn it around."""
    await _sink().send(notice(_HOSTILE_EVENT, description="red \x1b[31m\r\nCRITICAL \u202efake"))
    line = capfd.readouterr().out
    assert line.endswith("1\\x1b[2J/us\\u202eeast red \\x1b[31m\\x0d\\x0aCRITICAL \\u202efake\n")
    assert line[:-1].isprintable()


@pytest.mark.anyio
async def test_hostile_json_is_one_printable_line(capfd: pytest.CaptureFixture[str]) -> None:
    """JSON lines hold no character that a terminal acts on, raw ones included."""
    await _sink(format="json").send(notice(HOSTILE_EVENT))
    assert capfd.readouterr().out[:-1].isprintable()


def test_a_reader_that_is_gone_is_permanent() -> None:
    """A closed pipe does not open again: every notice fails for good, and nothing else happens."""
    with _printing({"type": "stdout"}) as (process, reading):
        os.close(reading)
        for _ in range(2):
            assert _send(process) == "PermanentError: refused: standard output: Broken pipe"


def test_a_reader_that_goes_while_its_pipe_is_full_is_permanent() -> None:
    """A send that waits for room hears that there is nobody left to make it."""
    with _printing({"type": "stdout", "timeout_seconds": 30}, size=5000) as (process, reading):
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
        closer = threading.Timer(0.3, os.close, [reading])
        closer.start()
        assert _send(process) == "PermanentError: refused: standard output: Broken pipe"
        closer.join()


@pytest.mark.parametrize("size", [100, 5000], ids=["lines of any kind", "lines larger than the pipe"])
def test_a_reader_that_sleeps_is_retryable(size: int) -> None:
    """A full pipe ends in RetryableError after the timeout; once it is read, whole lines go on, none torn or lost."""
    options = {"type": "stdout", "format": "json", "timeout_seconds": 0.1}
    with _printing(options, size) as (process, reading):
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
        outcomes = [_send(process)]
        while outcomes[-1] == "sent":
            outcomes.append(_send(process))
        outcomes.append(_send(process))
        assert outcomes[-2:] == ["RetryableError: timeout: nobody reads standard output"] * 2
        received: list[bytes] = []
        with os.fdopen(reading, "rb") as pipe:
            reader = threading.Thread(target=lambda: received.extend(pipe))
            reader.start()
            outcomes += [_send(process) for _ in range(3)]
            process.communicate()
            reader.join(30)
    assert outcomes[-3:] == ["sent"] * 3
    keys = [int(json.loads(line)["key"], 16) for line in received]
    sent = [number for number, outcome in enumerate(outcomes, start=1) if outcome == "sent"]
    assert set(sent) <= set(keys)
    assert len(keys) == len(set(keys))


@contextmanager
def _printing(options: dict[str, object], size: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the process with a pipe as its standard output; yield it and the pipe's reading end."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "tests.sinks.print_notices", json.dumps(options), str(size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.PIPE, text=True) as process:
        os.close(writing)
        yield process, reading
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


def _send(process: subprocess.Popen[str]) -> str:
    """Have one notice sent; return how it went."""
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write("send\n")
    process.stdin.flush()
    return process.stderr.readline().rstrip("\n")
