"""1,000 filter patterns over CloudWatch Logs records of CloudTrail events, from gzip-ed bytes to filters that match.

Yardstick: `orjson.loads` over the same CloudTrail events, keeping nothing, in the same process.  "filters" is the
library: gunzip, read the record, FilterSet.  "rules" is the daemon's way: Decoder, then a RuleSet in which each filter
is a rule.  "all new" is the library on events whose searched values were never seen before, so that nothing remembered
helps.  VIGILD_BENCH_EVENTS names a folder of CloudTrail files to measure on beside the project's own sample.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import orjson

from daemon.decode import DecodeLimits, Decoder
from daemon.event import Delivery, Event
from daemon.inflate import inflate
from daemon.match import Matcher
from daemon.match.logs import FilterSet
from daemon.rules import RuleSet
from daemon.rules.logs import LogRules
from daemon.rules.model import LogCondition
from daemon.sample import SamplePlan, write_day
from tests.benchmarks.events import events_in
from tests.benchmarks.log_filter_workload import filters, packed, renewed

_ROUNDS = 11
_FILTERS = 1_000
_SAMPLE_EVENTS = 2_000
_MOST_BYTES = 64 * 1024**2


class _LogEvent(msgspec.Struct, gc=False):
    """What filters need of a log event."""

    message: str


class _Record(msgspec.Struct):
    """What a subscription delivers, unpacked."""

    messageType: str
    logGroup: str
    logEvents: list[_LogEvent]


def main() -> None:
    """Measure on the sample, and on the folder named."""
    with tempfile.TemporaryDirectory() as folder:
        write_day(Path(folder), SamplePlan(events=_SAMPLE_EVENTS, seed=7))
        measure("sample", Path(folder))
    named = os.environ.get("VIGILD_BENCH_EVENTS")
    if named:
        measure(named, Path(named))


def measure(name: str, folder: Path) -> None:
    """Print what compiling took, and for each way the median ratio to the yardstick and the events a second."""
    texts = [orjson.dumps(orjson.loads(event)["detail"]).decode() for event in events_in(folder)]
    started = time.process_time()
    compiled = FilterSet(filters(_FILTERS))
    seconds = time.process_time() - started
    hits = sum(map(len, compiled.match_all(texts))) / len(texts)
    print(f"{name}: {len(texts):,} events of {sum(map(len, texts)) // len(texts):,} characters")
    print(f"{_FILTERS:,} filters compiled in {seconds:.2f} s, {hits:.2f} matches an event")
    same = [_Round(texts)] * (_ROUNDS + 1)
    _print_against_orjson("filters", _library(compiled), same)
    _print_against_orjson("rules", _daemon(), same)
    _print_against_orjson("all new", _library(compiled), [_Round(renewed(texts, n)) for n in range(_ROUNDS + 1)])


class _Round:
    """The same events for both sides."""

    def __init__(self, texts: list[str]) -> None:
        self.records = packed(texts)
        self.events = [text.encode() for text in texts]


def _print_against_orjson(way: str, run: Callable[[list[bytes]], None], rounds: list[_Round]) -> None:
    """Print the median ratio to the yardstick, and events a second; the first round is for warming up."""
    ratios, rates = [], []
    for turn in rounds:
        started = time.process_time()
        run(turn.records)
        ours = time.process_time() - started
        started = time.process_time()
        for event in turn.events:
            orjson.loads(event)
        ratios.append((time.process_time() - started) / ours)
        rates.append(len(turn.events) / ours)
    ratio, rate = statistics.median(ratios[1:]), statistics.median(rates[1:])
    print(f"{way:8} {ratio:.2f} of orjson.loads, {rate:9,.0f} events/s", flush=True)


def _library(compiled: FilterSet) -> Callable[[list[bytes]], None]:
    decode = msgspec.json.Decoder(_Record).decode

    def run(records: list[bytes]) -> None:
        for record in records:
            compiled.match_all([event.message for event in decode(inflate(record, _MOST_BYTES)).logEvents])

    return run


def _daemon() -> Callable[[list[bytes]], None]:
    """Return what decodes deliveries and asks a rule set, as pipeline/sift.py does."""
    conditions = {name: LogCondition(filter=text) for name, text in filters(_FILTERS).items()}
    rules = RuleSet({}, Matcher({}), LogRules(conditions, list(conditions), ()), 0, {})
    decoder = Decoder(DecodeLimits())

    def run(records: list[bytes]) -> None:
        for record in records:
            delivery = Delivery(source="b", identity="b", body=record, receipt=None, received_at=0.0)
            for item in decoder.decode_wanted(delivery, rules.matcher.screen, rules.logs.held):
                if isinstance(item, Event):
                    rules.find(item)

    return run


if __name__ == "__main__":
    main()
