"""Writes the sample: a folder laid out like the bucket that an organisation's trail delivers to.

The command line calls `write_day`.  Files are made and written one after the other, none with more than two thousand
records, so that a million records need no more memory than ten thousand.  Layout and names: CloudTrail user guide,
"Finding your CloudTrail log files".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import orjson

from daemon.errors import ConfigError, RejectReason
from daemon.sample import ids
from daemon.sample.day import Delivery, Scene, deliveries, moment, written
from daemon.sample.faults import BrokenFile, BrokenRecord, fault, pack
from daemon.sample.intrusion import STORY
from daemon.sample.intrusion.step import Step
from daemon.sample.organisation import ORGANISATION, PLACES, Place, estate
from daemon.sample.record import record

_FILE_RECORDS = 2000
"""Records in one file at most; CloudTrail too splits a busy five minutes into several files."""
_FILE_AGAIN = 0.01
"""Share of files that are delivered twice: "at least once" is all that CloudTrail and S3 promise."""
_PLANTED_AGAIN = 0.5
"""The same for files that hold a call of the intrusion, so that repeated alerts would show."""
_RECORD_AGAIN = 0.05
"""Share of files of which one record comes again in the next file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """What to write; equal plans give equal bytes."""

    events: int = 20_000
    """Distinct readable records, the intrusion included; repeats and broken ones come on top."""
    seed: int = 1
    day: date = date(2026, 3, 3)
    """The day the records are of, in UTC."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One call of the intrusion, as it was written."""

    event_id: str
    event_name: str
    time: str
    """RFC 3339, UTC."""
    account: str
    rules: tuple[str, ...]
    """The rules of the starter pack that find it."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One file or record that cannot be read, and what a reader must say of it."""

    path: Path
    """Relative to the folder."""
    reason: RejectReason
    record: bool
    """True when it is one record of an otherwise good file."""


@dataclass(slots=True)
class SampleSummary:
    """What was written.  The good files hold `records` + `repeats` + the broken records, and nothing else."""

    files: int = 0
    """All of them, broken and repeated ones too."""
    records: int = 0
    """Distinct readable records."""
    repeats: int = 0
    """Copies of those beyond the first."""
    unpacked_bytes: int = 0
    """JSON of the good files, repeated ones counted once."""
    packed_bytes: int = 0
    """All files as they lie there."""
    planted: list[Planted] = field(default_factory=list)
    """In the order of the day."""
    broken: list[Broken] = field(default_factory=list)


def write_day(folder: Path, plan: SamplePlan, progress: Callable[[int], None] | None = None) -> SampleSummary:
    """Write a day of the organisation into `folder`, which is made if need be; files of the same name are replaced.

    `progress` is told after each delivery how many distinct records there are so far.  Raises ConfigError when the
    plan has no room for the intrusion or the folder cannot be written.
    """
    if plan.events < len(STORY):
        raise ConfigError(f"events: {plan.events} is less than the {len(STORY)} calls that the intrusion takes")
    bucket = _Bucket(folder, plan)
    try:
        for delivery in deliveries(plan.events - len(STORY), plan.seed):
            bucket.deliver(delivery)
            if progress is not None:
                progress(bucket.summary.records)
    except OSError as error:
        raise ConfigError(f"{error.filename or folder}: {error.strerror}") from error
    return bucket.summary


class _Bucket:
    """The folder as it fills up, and the count of what is in it."""

    def __init__(self, folder: Path, plan: SamplePlan) -> None:
        self.summary = SampleSummary()
        self._folder = folder
        self._plan = plan
        self._estates = {place: estate(place, plan.seed) for place in PLACES}
        self._again: dict[Place, dict[str, Any]] = {}

    def deliver(self, delivery: Delivery) -> None:
        """Write the files of one delivery; none if nothing happened."""
        place, slot = delivery.place, delivery.slot
        rng = Random(f"{self._plan.seed}/{place.account.number}/{place.region}/{slot}")
        scene = Scene(self._plan.day, delivery, self._estates[place], rng)
        records = [self._plant(step, rng) for step in STORY if step.slot == slot and step.place == place]
        again = _PLANTED_AGAIN if records else _FILE_AGAIN
        damage = fault(PLACES.index(place), slot)
        for done in range(0, max(delivery.benign, 1), _FILE_RECORDS):
            records += scene.benign(min(_FILE_RECORDS, delivery.benign - done))
            self._file(delivery, records, damage, again, rng)
            records, damage = [], None

    def _plant(self, step: Step, rng: Random) -> dict[str, Any]:
        home = self._estates[step.place]
        caller = step.actor.caller(home, rng, written(moment(self._plan.day, step.slot)))
        time = f"{self._plan.day}T{step.at}Z"
        planted = record(step.calling(home, rng), caller, step.place, time, rng)
        self.summary.planted.append(
            Planted(planted["eventID"], planted["eventName"], time, step.place.account.number, step.rules)
        )
        return planted

    def _file(
        self,
        delivery: Delivery,
        fresh: list[dict[str, Any]],
        damage: BrokenFile | BrokenRecord | None,
        again: float,
        rng: Random,
    ) -> None:
        """Write one file with what is fresh, what comes again from the file before, and what is broken."""
        repeated = self._again.pop(delivery.place, None)
        records: list[Any] = [*fresh, repeated] if repeated is not None else [*fresh]
        if isinstance(damage, BrokenRecord):
            records.append(damage.value)
        if not records and damage is None:
            return
        rng.shuffle(records)
        document = orjson.dumps({"Records": records})
        packed = pack(document)
        path = self._put(delivery.place, delivery.slot, packed, rng)
        self.summary.records += len(fresh)
        self.summary.repeats += repeated is not None
        self.summary.unpacked_bytes += len(document)
        if isinstance(damage, BrokenFile):
            path = self._put(delivery.place, delivery.slot, damage.damage(packed), rng)
        if damage is not None:
            self.summary.broken.append(Broken(path, damage.reason, isinstance(damage, BrokenRecord)))
        elif rng.random() < again:
            self._put(delivery.place, delivery.slot + 1, packed, rng)
            self.summary.repeats += len(records)
        elif rng.random() < _RECORD_AGAIN:
            self._again[delivery.place] = rng.choice(records)

    def _put(self, place: Place, slot: int, content: bytes, rng: Random) -> Path:
        """Write one file as delivered for a slot, about five minutes after its end; return its path in the bucket."""
        at = moment(self._plan.day, slot + 2)
        account = place.account.number
        path = Path(
            f"AWSLogs/{ORGANISATION}/{account}/CloudTrail/{place.region}/{at:%Y/%m/%d}/"
            f"{account}_CloudTrail_{place.region}_{at:%Y%m%dT%H%MZ}_{ids.name(rng, 16)}.json.gz"
        )
        whole = self._folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(content)
        self.summary.files += 1
        self.summary.packed_bytes += len(content)
        return path
