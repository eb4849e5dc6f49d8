"""The metric families of one process, built from names.py; signals.py counts in them, endpoints.py shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from daemon import __version__
from daemon.errors import FailureKind, RejectReason
from daemon.telemetry.books import Books
from daemon.telemetry.names import (
    METRICS,
    IntentOutcome,
    LeaseChange,
    NoteState,
    Settlement,
    Stage,
    StoredKind,
    Withheld,
)

_PREFIX = "vigild_"
_MOST_RULE_SERIES = 2_000
"""Rules beyond this get their series at their first match, to keep a scrape of a huge rule set small."""


class Metrics:
    """One registry with every family of names.py."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        self._counter_series: dict[tuple[str, ...], Counter] = {}
        self._gauge_series: dict[tuple[str, ...], Gauge] = {}
        self._histogram_series: dict[tuple[str, ...], Histogram] = {}
        self.books = Books(_PREFIX)
        self.registry.register(self.books)
        for metric in METRICS.values():
            if metric.name in Books.FAMILIES:
                continue
            name = _PREFIX + metric.name
            if metric.kind == "counter":
                self._counters[metric.name] = Counter(name, metric.help, metric.labels, registry=self.registry)
            elif metric.kind == "gauge":
                self._gauges[metric.name] = Gauge(name, metric.help, metric.labels, registry=self.registry)
            else:
                self._histograms[metric.name] = Histogram(
                    name, metric.help, metric.labels, registry=self.registry, buckets=metric.buckets
                )
        self.gauge("build_info", __version__).set(1)
        for stage in Stage:
            self.histogram("stage_seconds", stage)
        for result in ("ok", "failed"):
            self.counter("reloads_total", result)
        for kind in StoredKind:
            self.counter("state_items_unreadable_total", kind)
        for result in ("changed", "failed"):
            self.counter("secret_refreshes_total", result)

    def counter(self, name: str, *labels: str) -> Counter:
        """Return the counter, or its child of these label values, creating it at 0."""
        series = self._counter_series.get((name, *labels))
        if series is None:
            family = self._counters[name]
            series = family.labels(*labels) if labels else family
            self._counter_series[(name, *labels)] = series
        return series

    def gauge(self, name: str, *labels: str) -> Gauge:
        """Return the gauge, or its child of these label values, creating it at 0."""
        series = self._gauge_series.get((name, *labels))
        if series is None:
            family = self._gauges[name]
            series = family.labels(*labels) if labels else family
            self._gauge_series[(name, *labels)] = series
        return series

    def histogram(self, name: str, *labels: str) -> Histogram:
        """Return the histogram, or its child of these label values, creating it empty."""
        series = self._histogram_series.get((name, *labels))
        if series is None:
            family = self._histograms[name]
            series = family.labels(*labels) if labels else family
            self._histogram_series[(name, *labels)] = series
        return series

    def expect_source(self, source: str) -> None:
        """Create every series of a source at 0, so that rates are right from the first event on."""
        self.books.open(source)
        for name in (
            "deliveries_received_total",
            "received_bytes_total",
            "backpressure_seconds_total",
            "visibility_extended_total",
            "visibility_expired_total",
            "messages_repeated_total",
            "acknowledgements_lost_total",
            "rejections_dropped_total",
            "kinesis_iterators_expired_total",
            "kinesis_reads_throttled_total",
            "kinesis_shards_vanished_total",
        ):
            self.counter(name, source)
        for name in ("source_ready", "kinesis_leases_held", "kinesis_behind_latest_seconds"):
            self.gauge(name, source)
        for change in LeaseChange:
            self.counter("kinesis_leases_moved_total", source, change)
        self.histogram("event_age_seconds", source)
        for settlement in Settlement:
            self.counter("deliveries_settled_total", source, settlement)
        for reason in RejectReason:
            self.counter("events_rejected_total", source, reason)
        for kind in FailureKind:
            self.counter("source_errors_total", source, kind)

    def expect_target(self, target: str) -> None:
        """Create every series of a target at 0."""
        self.gauge("intents_in_flight", target)
        self.gauge("target_suspended", target)
        self.counter("intents_unclaimed_total", target)
        self.counter("intents_overrun_total", target)
        for outcome in IntentOutcome:
            self.counter("intents_total", target, outcome)
        for kind in FailureKind:
            self.counter("intent_attempts_failed_total", target, kind)
            self.counter("target_suspensions_total", target, kind)
        self.gauge("alert_groups", target)
        self.counter("alerts_ungrouped_total", target)
        self.counter("alert_note_faults_total", target)
        for reason in Withheld:
            self.counter("alerts_withheld_total", target, reason)
        for state in NoteState:
            self.counter("alert_notes_total", target, state, IntentOutcome.DONE)

    def expect_place(self, place: str) -> None:
        """Create every series of a dead-letter place at 0."""
        self.counter("dead_letters_total", place)
        self.counter("parking_failed_total", place)

    def values(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yield labels and value of each series of a counter or gauge."""
        family = self.books if name in Books.FAMILIES else self._counters.get(name) or self._gauges[name]
        for collected in family.collect():
            for sample in collected.samples:
                if sample.name == _PREFIX + name:
                    yield sample.labels, sample.value

    def expect_rules(self, rules: Iterable[str]) -> None:
        """Create the counters of the rules now in force at 0, up to a bound."""
        for _, rule in zip(range(_MOST_RULE_SERIES), rules, strict=False):
            self.counter("rule_matches_total", rule)
            self.counter("rules_suspended_total", rule)
