"""The books: what each scrape shows adds up, however busy the daemon is."""

from __future__ import annotations

import threading
from collections import Counter
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from daemon.clock import SystemClock
from daemon.telemetry import build_telemetry
from daemon.telemetry.endpoints import serve_endpoints
from daemon.telemetry.health import Health
from daemon.telemetry.names import Outcome
from daemon.telemetry.signals import EventSettled, EventsSifted

SOURCES = [f"queue-{number}" for number in range(5)]
RECEIVED, SETTLED, IN_FLIGHT = FAMILIES = (
    "vigild_events_received_total",
    "vigild_events_settled_total",
    "vigild_events_in_flight",
)
SCRAPES = 20


def scrape(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def figures(text: str) -> Counter[tuple[str, str]]:
    """Return the sum of each family of the books, by (name, source)."""
    sums: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in FAMILIES:
                sums[sample.name, sample.labels["source"]] += int(sample.value)
    return sums


def test_every_scrape_under_load_adds_up() -> None:
    """While the loop's thread books without a pause, no scrape sees a moment at which the books do not balance."""
    telemetry, enough = build_telemetry(), threading.Event()

    def work() -> None:
        while not enough.is_set():
            for source in SOURCES:
                telemetry.emit(EventsSifted(source, 10, unmatched=6, duplicate=1, in_flight=3))
                telemetry.emit(EventSettled(source, Outcome.MATCHED))
                telemetry.emit(EventSettled(source, Outcome.REJECTED))

    worker = threading.Thread(target=work)
    with serve_endpoints("127.0.0.1", 0, telemetry.metrics, Health(SystemClock())) as port:
        worker.start()
        try:
            seen = [scrape(port) for _ in range(SCRAPES)]
        finally:
            enough.set()
            worker.join()

    assert figures(seen[-1])[RECEIVED, SOURCES[0]] > figures(seen[0])[RECEIVED, SOURCES[0]]
    for sums in map(figures, seen):
        for source in SOURCES:
            assert sums[RECEIVED, source] == sums[SETTLED, source] + sums[IN_FLIGHT, source]


def test_a_lost_event_shows() -> None:
    """What is in flight is counted for itself: an event that was received and went nowhere unbalances the books."""
    telemetry = build_telemetry()
    telemetry.emit(EventsSifted("queue", 10, unmatched=6, duplicate=1, in_flight=2))

    total = {
        name: sum(value for _, value in telemetry.metrics.values(name))
        for name in ("events_received_total", "events_settled_total", "events_in_flight")
    }
    assert total == {"events_received_total": 10, "events_settled_total": 7, "events_in_flight": 2}
