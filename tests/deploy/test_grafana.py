"""Dashboards and alert rules against a real Prometheus that scraped a real daemon: every query has an answer."""

from __future__ import annotations

import json
import random
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import anyio
import pytest
import yaml

from daemon.sample import SamplePlan, write_day
from tests.deploy.tools import DEPLOY, tool
from tests.e2e.processes import DaemonProcess, run_daemon
from tests.e2e.watching import event
from tests.emulators import REGION, Emulator, clients_of, free_port
from tests.sources.streams import make_stream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
_SCRAPES_SECONDS = 12

STOPPED = {
    "name": "stopped",
    "description": "An instance was stopped.",
    "pattern": {"detail": {"eventName": ["StopInstances", "TerminateInstances", "RunInstances"]}},
    "actions": ["start"],
}


def dashboard_queries(dashboard: Path) -> list[str]:
    """Return a dashboard's queries with Grafana's variables filled in."""
    panels = json.loads(dashboard.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    return [
        query.replace("$__rate_interval", "10s").replace("$__range", "10s").replace("$job", ".*") for query in queries
    ]


def alert_selectors() -> list[str]:
    """Return the metric selectors inside the alert rules' expressions."""
    rules = yaml.safe_load((DEPLOY / "prometheus" / "vigild.rules.yaml").read_text())["groups"][0]["rules"]
    return sorted({found for rule in rules for found in re.findall(r"vigild_\w+(?:\{[^}]*\})?", rule["expr"])})


@contextmanager
def prometheus(folder: Path, target_port: int) -> Iterator[int]:
    """Run Prometheus on loopback with a scrape a second; yield its port."""
    binary, port = tool("prometheus", "prometheus"), free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "vigild", "static_configs": [{"targets": [f"127.0.0.1:{target_port}"]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield port
        finally:
            process.terminate()
            process.wait(20)


def ask(port: int, query: str) -> list[Any]:
    """Return the result of an instant query; nothing while Prometheus does not answer yet."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': query})}", timeout=5) as answer:
            return list(json.load(answer)["data"]["result"])
    except URLError:
        return []


@pytest.fixture(scope="module")
def stream(roto: Emulator) -> str:
    """Return the name of a stream with events in it."""

    async def make() -> str:
        clients = clients_of(roto)
        made = await make_stream(clients)
        await made.put([event(number, random.Random(number)) for number in range(20)])
        await clients.close()
        return made.name

    return anyio.run(make)


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, roto: Emulator, stream: str
) -> Iterator[tuple[int, DaemonProcess]]:
    """Yield the port of a Prometheus that has scraped a working daemon for a while, and the daemon."""
    folder = tmp_path_factory.mktemp("watched")
    write_day(folder / "events", SamplePlan(events=2_000, seed=7))
    (folder / "rules.yaml").write_text(yaml.safe_dump({"rules": [STOPPED]}))
    config = {
        "sources": {
            "trail": {"type": "file", "paths": [str(folder / "events")], "follow": True},
            "stream": {"type": "kinesis", "stream_name": stream, "start": "TRIM_HORIZON", "idle_poll_seconds": 0.3},
        },
        "rules": [str(folder / "rules.yaml")],
        "actions": {"start": {"type": "ec2.start-instances", "notify": ["alerts"]}},
        "targets": {"alerts": {"type": "file", "path": str(folder / "alerts.ndjson")}},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
        "state": {"path": str(folder / "state.sqlite")},
        "aws": {"region": REGION, "endpoint_url": roto.endpoint_url},
    }
    with run_daemon(folder, config) as daemon, prometheus(folder, daemon.port) as port:
        daemon.wait_for(
            lambda: daemon.metric("vigild_events_received_total", source="trail") > 1_000, "through the day"
        )
        daemon.wait_for(lambda: daemon.metric("vigild_events_received_total", source="stream") >= 20, "in the stream")
        daemon.wait_for(lambda: daemon.metric("vigild_actions_total") > 0, "asked to act")
        daemon.wait_for(lambda: len(ask(port, "vigild_build_info[30s]")) == 1, "scraped")
        threading.Event().wait(_SCRAPES_SECONDS)
        yield port, daemon


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_of_the_dashboards_has_an_answer(dashboard: Path, watched: tuple[int, DaemonProcess]) -> None:
    """No panel is empty once a daemon has run."""
    port, _ = watched

    assert [query for query in dashboard_queries(dashboard) if not ask(port, query)] == []


def test_every_metric_in_the_alert_rules_exists(watched: tuple[int, DaemonProcess]) -> None:
    """An alert on a series that never exists would never fire."""
    port, _ = watched

    assert [selector for selector in alert_selectors() if not ask(port, selector)] == []


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_the_dashboards_ask_for_nothing_unknown(dashboard: Path) -> None:
    """Variables are the two that a dashboard declares, or Grafana's own; its uid is its file's name."""
    text = dashboard.read_text()

    assert set(re.findall(r"\$\{?(\w+)", text)) <= {"datasource", "job", "__rate_interval", "__range", "__all"}
    assert json.loads(text)["uid"] == dashboard.stem
