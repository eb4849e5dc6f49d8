"""Ten thousand rules swapped under full load, seen from outside: a daemon of its own process, told by SIGHUP.

Each generation of rules has one rule, named after it, that every event matches: so the counts of these add up to the
events if none is missed or matched twice.  Beside it stands the same run without a reload, which shows what of the
lateness is the machine's or the daemon's anyway.
"""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path
from typing import Any

from daemon.sample import SamplePlan, write_day
from tests.benchmarks.probed_daemon import Probe
from tests.e2e.processes import DaemonProcess, run_daemon

_RULES = 10_000
_EVENTS = 200_000
_ROUNDS = 3
_SECONDS = 300.0
_LOADED = '"event":"rules loaded"'


def main() -> None:
    """Print a line for each run, with and without reloads in turns."""
    with tempfile.TemporaryDirectory() as folder:
        write_day(Path(folder, "events"), SamplePlan(events=_EVENTS, seed=7))
        for number in range(_ROUNDS):
            for reloading in (False, True):
                place = Path(folder, f"run-{number}-{reloading}")
                place.mkdir()
                print(_run(Path(folder, "events"), place, reloading=reloading), flush=True)


def _run(events: Path, folder: Path, *, reloading: bool) -> str:
    rules = folder / "rules.yaml"
    _write_rules(rules, 0)
    config: dict[str, Any] = {
        "rules": [str(rules)],
        "sources": {"files": {"type": "file", "paths": [str(events)], "follow": True}},
        "default_targets": [],
        "state": {"path": str(folder / "state.sqlite")},
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
    }
    with run_daemon(folder, config, module="tests.benchmarks.probed_daemon") as daemon:
        daemon.wait_for(lambda: _settled(daemon) > 0, "at work")
        generation = 0
        while _settled(daemon) < _EVENTS:
            if reloading:
                generation += 1
                _write_rules(rules, generation)
                daemon.process.send_signal(signal.SIGHUP)
                daemon.wait_for(lambda: daemon.log_text().count(_LOADED) > generation, "reloaded", _SECONDS)  # noqa: B023 - waited for at once
            else:
                daemon.wait_for(lambda: _settled(daemon) >= _EVENTS, "done", _SECONDS)
        daemon.wait_for(lambda: daemon.metric("vigild_events_in_flight") == 0, "drained", _SECONDS)
        metrics = daemon.scrape()
        new = metrics.total("vigild_events_settled_total", outcome="matched")
        unmatched = metrics.total("vigild_events_settled_total", outcome="unmatched")
        matches = [
            int(metrics.total("vigild_rule_matches_total", rule=f"all-{number}")) for number in range(generation + 1)
        ]
        beats = metrics.total("vigild_loop_stall_seconds_count")
        slow = beats - metrics.total("vigild_loop_stall_seconds_bucket", le="0.05")
        daemon.stop()
        probe = Probe(**json.loads(daemon.output.read_text()))
    verdict = "each event once" if sum(matches) == new and not unmatched else f"WRONG: {sum(matches)} matches"
    late, cpu = probe.latest * 1e3, probe.most_cpu * 1e3
    by_generation = ", ".join(map(str, matches))
    return (
        f"{generation} reloads of {_RULES:,} rules, {new:,.0f} events: {verdict}, {by_generation} by rules"
        f" in force; loop at most {late:.0f} ms late, {cpu:.0f} ms of CPU in one such time; later than 50 ms"
        f" {probe.stalls} of {probe.turns:,} times, by its own metric {slow:.0f} of {beats:.0f}"
    )


def _settled(daemon: DaemonProcess) -> float:
    return daemon.metric("vigild_events_settled_total")


def _write_rules(path: Path, generation: int) -> None:
    """Replace the file by rules that no other generation has."""
    patterns: dict[str, Any] = {f"all-{generation}": {"source": [{"exists": True}]}}
    for number in range(_RULES - 1):
        name = f"Made{generation}x{number}"
        patterns[f"rule-{number}"] = {"detail": {"eventName": [name, {"prefix": f"Up{name}"}]}}
    lines = (
        f"  - {{name: {name}, description: made up, targets: [], pattern: {json.dumps(pattern)}}}"
        for name, pattern in patterns.items()
    )
    written = path.with_suffix(".new")
    written.write_text("\n".join(["rules:", *lines, ""]))
    written.replace(path)


if __name__ == "__main__":
    main()
