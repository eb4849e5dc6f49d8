"""The books of the daemon: events received, settled and in flight, shown by every scrape as of one moment.

signals.py keeps them from the event loop's thread, /metrics reads them from its own.  Read one family after the other,
as ordinary counters are, the figures of a scrape under load would belong to different moments and seem not to balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon.telemetry.names import METRICS, Outcome


class _Account(NamedTuple):
    """One source as of one moment.  `in_flight` is counted for itself, not worked out: only so can books be wrong."""

    received: int
    in_flight: int
    settled: Mapping[Outcome, int]


_NOTHING = _Account(0, 0, dict.fromkeys(Outcome, 0))


class Books(Collector):
    """received = the sum of settled + in_flight, for each source, at every moment somebody looks.

    Written by one thread, read by another: every entry replaces a source's account by one dict store, without a lock.
    """

    FAMILIES = ("events_received_total", "events_settled_total", "events_in_flight")

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._accounts: dict[str, _Account] = {}

    def open(self, source: str) -> None:
        """Show a source's figures from now on, at 0."""
        self._accounts.setdefault(source, _NOTHING)

    def sifted(self, source: str, received: int, settled: Mapping[Outcome, int], in_flight: int) -> None:
        """Enter events that came in: some settled at once, others went in flight."""
        before = self._accounts.get(source, _NOTHING)
        after = {outcome: events + settled.get(outcome, 0) for outcome, events in before.settled.items()}
        self._accounts[source] = _Account(before.received + received, before.in_flight + in_flight, after)

    def landed(self, source: str, outcome: Outcome) -> None:
        """Move one event from in flight to its outcome."""
        before = self._accounts[source]
        after = {**before.settled, outcome: before.settled[outcome] + 1}
        self._accounts[source] = _Account(before.received, before.in_flight - 1, after)

    def collect(self) -> Iterable[Metric]:
        """Return the three families as of now."""
        names = [self._prefix + family for family in self.FAMILIES]
        texts = [METRICS[family].help for family in self.FAMILIES]
        received = CounterMetricFamily(names[0], texts[0], labels=("source",))
        settled = CounterMetricFamily(names[1], texts[1], labels=("source", "outcome"))
        in_flight = GaugeMetricFamily(names[2], texts[2], labels=("source",))
        for source, account in self._accounts.copy().items():
            received.add_metric((source,), account.received)
            in_flight.add_metric((source,), account.in_flight)
            for outcome, events in account.settled.items():
                settled.add_metric((source, outcome), events)
        return received, settled, in_flight
