"""Starts AWS emulators as processes of their own on free loopback ports; conftest.py offers each as a session fixture.

roto-aws is the reference for SQS (visibility, FIFO, redrive), Kinesis and DynamoDB, ministack for SNS and EventBridge,
moto for control planes.  Nothing is reset between tests: a test makes its own queues and topics under fresh names.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.clients import AwsClients, AwsSettings

REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""What the environment of a test run holds, so that nothing real can be reached."""

_SCRIPTS = Path(sys.executable).parent
_STARTUP_SECONDS = 30.0
_POLL_SECONDS = 0.02
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator."""

    name: str
    endpoint_url: str
    process_id: int


@contextmanager
def run_roto() -> Iterator[Emulator]:
    """Run roto-aws in memory."""
    with _run("roto", lambda port: [_script("roto-server"), "--port", str(port), "--ephemeral"], {}) as emulator:
        yield emulator


@contextmanager
def run_ministack() -> Iterator[Emulator]:
    """Run ministack, bound to loopback."""
    settings = {"BIND_HOST": "127.0.0.1", "LOG_LEVEL": "WARNING"}
    with _run("ministack", lambda _: [_script("ministack")], settings, port_variable="GATEWAY_PORT") as emulator:
        yield emulator


@contextmanager
def run_moto() -> Iterator[Emulator]:
    """Run moto's server."""
    with _run("moto", lambda port: [_script("moto_server"), "-H", "127.0.0.1", "-p", str(port)], {}) as emulator:
        yield emulator


def clients_of(emulator: Emulator) -> AwsClients:
    """Return AWS clients that reach the emulator; whoever asks closes them."""
    return AwsClients(AwsSettings(region=REGION, endpoint_url=emulator.endpoint_url))


def _script(name: str) -> str:
    return str(_SCRIPTS / name)


@contextmanager
def _run(
    name: str,
    command: Callable[[int], Sequence[str]],
    settings: dict[str, str],
    port_variable: str | None = None,
) -> Iterator[Emulator]:
    """Start, wait until the port answers, yield, stop.  Another process may take the free port first: tried again."""
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as directory, (Path(directory) / "log").open("w+b") as log:
        for _ in range(_ATTEMPTS):
            port = free_port()
            environment = {**os.environ, **CREDENTIALS, **settings}
            if port_variable is not None:
                environment[port_variable] = str(port)
            process = subprocess.Popen(
                command(port), cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            try:
                if _answers(process, port):
                    yield Emulator(name, f"http://127.0.0.1:{port}", process.pid)
                    return
            finally:
                _stop(process)
        log.seek(0)
        raise RuntimeError(f"{name} did not start: {log.read().decode(errors='replace')[-2000:]}")


def free_port() -> int:
    """Return a loopback port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    for _ in range(int(_STARTUP_SECONDS / _POLL_SECONDS)):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            try:
                process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return False
        return process.poll() is None
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
