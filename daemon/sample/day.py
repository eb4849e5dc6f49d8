"""The course of a day: how many calls fall into each delivery, and which.

writer.py walks through the deliveries that `deliveries` lays out and asks a Scene for the benign records of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from random import Random
from typing import Any

from daemon.sample.identities import Actor, Caller
from daemon.sample.organisation import GLOBAL_REGION, PLACES, Estate, Place
from daemon.sample.record import record
from daemon.sample.rhythm import SLOT_MINUTES, SLOTS
from daemon.sample.traffic import TRAFFIC
from daemon.sample.traffic.shape import Shape

_SESSIONS = 4
"""How many sessions of one actor are at work in one place at the same time."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What may be called at some hour, ready to draw from: shapes with their actors, and running sums of weights."""

    choices: tuple[tuple[Shape, Actor], ...]
    sums: tuple[float, ...]

    @property
    def weight(self) -> float:
        """How busy the hour is, all kinds of calls together."""
        return self.sums[-1]


@cache
def _mix(slot: int, *, global_services: bool) -> Mix:
    choices = tuple(
        (shape, actor) for shape in TRAFFIC if shape.everywhere or global_services for actor in shape.actors
    )
    weights = (shape.weight / len(shape.actors) * actor.rhythm.at(slot) for shape, actor in choices)
    return Mix(choices, tuple(accumulate(weights)))


def mix(place: Place, slot: int) -> Mix:
    """Return what may be called in a place in the hour of a slot."""
    hour = slot - slot % (60 // SLOT_MINUTES)
    return _mix(hour, global_services=place.region == GLOBAL_REGION)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What CloudTrail collects in one place in one slot of five minutes."""

    place: Place
    slot: int
    benign: int
    """How many benign calls."""


def deliveries(benign: int, seed: int) -> Iterator[Delivery]:
    """Spread exactly `benign` calls over the day's deliveries, slot by slot; some of them stay empty."""
    rng = Random(f"{seed}/deliveries")
    cells = [(place, slot) for slot in range(SLOTS) for place in PLACES]
    weights = [place.share * mix(place, slot).weight * rng.uniform(0.6, 1.4) for place, slot in cells]
    scale, before = benign / sum(weights), 0
    for (place, slot), reached in zip(cells, accumulate(weights), strict=True):
        after = round(reached * scale)
        yield Delivery(place, slot, after - before)
        before = after


def moment(day: date, slot: int, seconds: float = 0) -> datetime:
    """Return a point in time, counted from the start of a slot of the day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=slot * SLOT_MINUTES, seconds=seconds)


def written(at: datetime) -> str:
    """Return a time as CloudTrail writes it in records: RFC 3339, UTC, to the second."""
    return f"{at.isoformat()[:19]}Z"


class Scene:
    """Everything that goes on in one place in one slot: who is at work there, and what they call."""

    def __init__(self, day: date, delivery: Delivery, estate: Estate, rng: Random) -> None:
        self._delivery = delivery
        self._estate = estate
        self._rng = rng
        self._start = moment(day, delivery.slot)
        self._sessions: dict[Actor, list[Caller]] = {}

    def benign(self, count: int) -> list[dict[str, Any]]:
        """Return that many records; their order is CloudTrail's, which is none."""
        chosen = mix(self._delivery.place, self._delivery.slot)
        draws = self._rng.choices(chosen.choices, cum_weights=chosen.sums, k=count)
        return [self._record(shape, actor) for shape, actor in draws]

    def _record(self, shape: Shape, actor: Actor) -> dict[str, Any]:
        rng, estate = self._rng, self._estate
        time = written(self._start + timedelta(seconds=rng.randrange(SLOT_MINUTES * 60)))
        return record(shape.call(estate, rng), self._caller(actor), estate.place, time, rng)

    def _caller(self, actor: Actor) -> Caller:
        """Return a session that is at work already, or now and then a new one."""
        open_ = self._sessions.setdefault(actor, [])
        if open_ and (len(open_) == _SESSIONS or self._rng.random() < 0.8):
            return self._rng.choice(open_)
        since = written(self._start - timedelta(seconds=self._rng.randrange(3000)))
        open_.append(actor.caller(self._estate, self._rng, since))
        return open_[-1]
