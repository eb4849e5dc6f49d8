"""Runs the daemon as its users do: a process of its own, from a configuration file, watched over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.emulators import CREDENTIALS, free_port

_PATIENCE_SECONDS = 60.0


class Scrape:
    """The metrics of one moment; nothing where nobody answered."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's series that have these labels."""
        return sum(
            sample.value for sample in self._samples if sample.name == name and labels.items() <= sample.labels.items()
        )


@dataclass(slots=True)
class DaemonProcess:
    """A running `vigild run`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    output: Path

    def fetch(self, path: str) -> tuple[int, str]:
        """Return status and text of an endpoint; (0, "") while nothing answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's series that have these labels."""
        return self.scrape().total(name, **labels)

    def scrape(self) -> Scrape:
        """Return all metrics of one moment."""
        return Scrape(self.fetch("/metrics")[1])

    def wait_until_ready(self, seconds: float = _PATIENCE_SECONDS) -> None:
        """Return when /readyz says yes."""
        self.wait_for(lambda: self.fetch("/readyz")[0] == 200, "ready", seconds)

    def wait_for(self, condition: Any, what: str, seconds: float = _PATIENCE_SECONDS) -> None:
        """Return when the condition holds; fail with the log when it does not in time or the process ends."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"not {what} (exit {self.process.poll()}):\n{self.log_text()[-3000:]}")
            threading.Event().wait(0.1)

    def stop(self, seconds: float = 30.0) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def log_text(self) -> str:
        """Return what it wrote to standard error."""
        return self.log.read_text(errors="replace")


@contextmanager
def run_daemon(
    folder: Path, config: dict[str, Any], *arguments: str, module: str = "daemon"
) -> Iterator[DaemonProcess]:
    """Start `vigild run`, or a module that does the same, with this configuration; end it when the block ends."""
    port = free_port()
    config = {
        **config,
        "telemetry": {"listen": f"127.0.0.1:{port}", "log_format": "json", **config.get("telemetry", {})},
    }
    path = folder / f"vigild-{port}.yaml"
    path.write_text(yaml.safe_dump(config))
    log = folder / f"vigild-{port}.log"
    output = folder / f"vigild-{port}.out"
    with log.open("wb") as stderr, output.open("wb") as stdout:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "run", "--config", str(path), *arguments],
            env={**os.environ, **CREDENTIALS},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        try:
            yield DaemonProcess(process, port, log, output)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
