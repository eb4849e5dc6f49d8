"""Judges what a fleet told: an alert may come again only where its teller was caught between sending and confirming.

What caught it is on record: the kill in the fleet's own journal, a session that lapsed and an answer that did not come
in the teller's log.  Whatever a replica says it had confirmed must not come again, killed or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from tests.faultsuite.storm import CONCURRENCY, Fleet, Tally, Telling


@dataclass(slots=True)
class Journal:
    """What a replica's log says of its intents and its session."""

    was_killed: bool
    confirmed: set[str] = field(default_factory=set)
    overrun: set[str] = field(default_factory=set)
    """Taken over by another replica before they could be confirmed."""
    failed: set[str] = field(default_factory=set)
    """Attempted at least once without getting an answer."""
    lapses: list[tuple[float, float]] = field(default_factory=list)
    """From the last renewal in time to the next one."""

    def may_come_again(self, key: str, telling: Telling) -> bool:
        """Whether this replica's telling need not be the last one."""
        if key in self.overrun:
            return any(begin <= telling.at for begin, _ in self.lapses)
        return self.was_killed and key not in self.confirmed


def read_journal(log: bytes, *, was_killed: bool) -> Journal:
    """Read a replica's log."""
    journal = Journal(was_killed)
    for line in log.splitlines():
        if not line.endswith(b"}"):
            continue  # cut short by the kill
        entry = orjson.loads(line)
        match entry["event"]:
            case "intent finished":
                journal.confirmed.add(entry["intent"])
            case "attempt failed":
                journal.failed.add(entry["intent"])
            case "claim taken over before the effect was confirmed, it may be repeated":
                journal.overrun.add(entry["intent"])
            case "session had lapsed":
                end = datetime.fromisoformat(entry["timestamp"]).timestamp()
                journal.lapses.append((end - entry["seconds"], end))
    return journal


def assert_only_mishaps_repeat(tally: Tally, fleet: Fleet) -> tuple[int, int]:
    """Assert that every repetition is excused; return how many there are, and how many sessions lapsed."""
    journals = {
        life.name: read_journal(life.daemon.log.read_bytes(), was_killed=life.killed_at is not None)
        for life in fleet.lives
    }
    repeated = {key: tellings for key, tellings in tally.told.items() if len(tellings) > 1}
    wrong = {key: tellings for key, tellings in repeated.items() if not is_excused(key, tellings, journals)}
    assert not wrong, "\n".join(account(key, tellings, fleet) for key, tellings in wrong.items())
    lapses = sum(len(journal.lapses) for journal in journals.values())
    assert sum(len(tellings) - 1 for tellings in repeated.values()) <= CONCURRENCY * (fleet.kills + lapses)
    return len(repeated), lapses


def is_excused(key: str, tellings: Sequence[Telling], journals: Mapping[str, Journal]) -> bool:
    """Whether all who told it but one were caught, and whoever told it more than once had no answer."""
    by_teller: dict[str, list[Telling]] = defaultdict(list)
    for telling in tellings:
        by_teller[telling.replica].append(telling)
    if any(len(own) > 1 and key not in journals[name].failed for name, own in by_teller.items()):
        return False
    caught = [name for name, own in by_teller.items() if journals[name].may_come_again(key, own[0])]
    return len(caught) >= len(by_teller) - 1


def account(key: str, tellings: Sequence[Telling], fleet: Fleet) -> str:
    """Return all that is on record about an alert."""
    lines = [f"{key} was told more than once:"]
    for replica in fleet.lives:
        log = replica.daemon.log_text().splitlines()
        telling = [told.at for told in tellings if told.replica == replica.name]
        if telling:
            lines.append(f"replica {replica.name}, at {telling}, killed at {replica.killed_at}")
            lines += [line for line in log if key in line or '"session had lapsed"' in line]
    return "\n".join(lines)
