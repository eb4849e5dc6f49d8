"""The lease protocol's decisions, without a store: what each worker would write, played out over simulated rounds."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from daemon.sources.kinesis.checkpoints import SHARD_END, TRIM_HORIZON, At, Position
from daemon.sources.kinesis.leases import Lease, Sight, Terms, Versioned, look, plan

TERMS = Terms(lease_seconds=20, most_steals=2)


def sights(owners: dict[str, str], since: float = 0.0) -> dict[str, Sight]:
    return {shard: Sight(Lease(TRIM_HORIZON, owner), 1, since) for shard, owner in owners.items()}


def held_by(worker: str, view: dict[str, Sight]) -> set[str]:
    return {shard for shard, sight in view.items() if sight.lease.owner == worker}


def decide(worker: str, view: dict[str, Sight], now: float = 0.0, seed: int = 0) -> tuple[list[str], list[str]]:
    chosen = plan(view, held_by(worker, view), worker, now, TERMS, random.Random(seed))
    return sorted(chosen.take), sorted(chosen.ask)


def test_the_first_worker_takes_everything() -> None:
    """Alone, a worker's share is the whole stream."""
    assert decide("me", sights(dict.fromkeys("abcd", ""))) == (["a", "b", "c", "d"], [])


def test_free_shards_are_taken_up_to_the_fair_share() -> None:
    """With another worker about, the share is half, rounded up, and what is free beyond it is left."""
    take, ask = decide("me", sights({"a": "other", "b": "", "c": "", "d": "", "e": ""}))

    assert len(take) == 3
    assert ask == []


def test_a_lease_lapses_when_it_has_not_changed_for_its_length() -> None:
    """An owner that has shown no life for lease_seconds, by our own clock, counts as dead; not a moment before."""
    view = sights({"a": "other", "b": "other"}, since=100.0)

    assert decide("me", view, now=120.0)[0] == []
    assert decide("me", view, now=120.1)[0] == ["a", "b"]


def test_our_own_lease_never_lapses_to_ourselves() -> None:
    """What we own is not taken again, however long ago its last change was."""
    view = sights({"a": "me"}, since=0.0)
    chosen = plan(view, {"a"}, "me", 1_000.0, TERMS, random.Random(0))

    assert (chosen.take, chosen.adopt, chosen.ask) == ([], [], [])


def test_what_was_handed_over_to_us_is_adopted() -> None:
    """A lease that names us and that we do not hold is ours: handed over, or taken by a write whose answer was lost."""
    view = sights({"a": "me", "b": "other"})

    assert plan(view, set(), "me", 0.0, TERMS, random.Random(0)).adopt == ["a"]


def test_stealing_stops_at_its_cap_and_at_balance() -> None:
    """A newcomer asks for at most two at a time, and for none where that would only turn the tables."""
    assert len(decide("me", sights(dict.fromkeys("abcdefgh", "other")))[1]) == 2
    assert len(decide("me", sights(dict.fromkeys("ab", "other")))[1]) == 1
    assert decide("me", sights({"a": "other"}))[1] == []
    assert decide("me", sights({"a": "other", "b": "other", "c": "me"}))[1] == []


def test_what_is_asked_for_counts_as_the_askers_already() -> None:
    """A second newcomer does not ask for what a first one is about to get, nor the first for more than its share."""
    view = sights(dict.fromkeys("abcd", "other"))
    for shard in "ab":
        view[shard] = Sight(view[shard].lease.asked_by("me"), 1, 0.0)

    assert decide("me", view)[1] == []
    assert set(decide("third", view)[1]) <= {"c", "d"}


def test_two_workers_seldom_want_the_same() -> None:
    """Which shard is asked for is left to chance."""
    view = sights({f"{number}": "other" for number in range(50)})

    assert len({tuple(decide("me", view, seed=seed)[1]) for seed in range(20)}) > 10


def test_only_the_owner_gives_signs_of_life() -> None:
    """A renewal and another owner count from now on; a request of somebody else does not keep a dead owner alive."""
    lease = Lease(TRIM_HORIZON, "other")
    before = {shard: Sight(lease, 1, 5.0) for shard in ("same", "asked", "renewed", "taken", "gone")}
    found = {
        "same": Versioned(lease, 1),
        "asked": Versioned(lease.asked_by("me"), 2),
        "renewed": Versioned(lease.renewed(TRIM_HORIZON, None, 0.0), 2),
        "taken": Versioned(lease.taken_by("third"), 2),
    }

    after = look(before, found, 9.0)

    assert {shard: sight.since for shard, sight in after.items()} == {
        "same": 5.0,
        "asked": 5.0,
        "renewed": 9.0,
        "taken": 9.0,
    }
    assert after["asked"].version == 2


def test_each_change_of_owner_is_another_holding() -> None:
    """Renewals and requests leave a holding as it is; taking, handing over and resetting end it."""
    mine = Lease(TRIM_HORIZON).taken_by("me")

    assert mine.same_holding(mine.renewed(Position(At.AFTER, "1"), 5, 9.0).asked_by("other"))
    assert not mine.same_holding(mine.taken_by("other"))
    assert not mine.same_holding(mine.taken_by("other").asked_by("me").handed_over())
    assert not mine.same_holding(mine.reset(TRIM_HORIZON))
    assert mine.asked_by("other").handed_over().owner == "other"
    assert mine.handed_over().owner == ""
    assert mine.renewed(SHARD_END, 0, 0.0).ended


@pytest.mark.parametrize("seed", range(20))
def test_workers_that_come_and_go_end_in_balance(seed: int) -> None:
    """However many workers start, die or leave, soon nobody has two more than another, and then nothing moves."""
    rng = random.Random(seed)
    leases = {f"shard-{number}": Versioned(Lease(TRIM_HORIZON), 0) for number in range(rng.randint(1, 40))}
    workers = [f"worker-{number}" for number in range(rng.randint(1, 7))]
    moves = _play(leases, workers, rng, rounds=60)
    dead = rng.sample(workers, len(workers) // 2)
    alive = [worker for worker in workers if worker not in dead] + ["late"]
    moves = _play(leases, alive, rng, rounds=80)

    loads = Counter(seen.lease.owner for seen in leases.values())
    assert set(loads) <= set(alive)
    assert max(loads.values()) - min(loads[worker] for worker in alive) <= 1
    assert moves[-20:] == [0] * 20


def _play(leases: dict[str, Versioned], workers: list[str], rng: random.Random, rounds: int) -> list[int]:
    """Let workers in turn renew, hand over what is asked for and write their plans; return the moves of each round."""
    views: dict[str, dict[str, Sight]] = {worker: {} for worker in workers}
    moves = []
    for number in range(rounds):
        moved = 0
        for worker in rng.sample(workers, len(workers)):
            for shard, seen in leases.items():
                if seen.lease.owner == worker:
                    lease = seen.lease.renewed(TRIM_HORIZON, None, 0.0)
                    lease = lease.handed_over() if lease.wanted_by else lease
                    leases[shard] = Versioned(lease, seen.version + 1)
            views[worker] = look(views[worker], leases, number * 5.0)
            chosen = plan(views[worker], held_by(worker, views[worker]), worker, number * 5.0, TERMS, rng)
            for shard in chosen.take:
                leases[shard] = Versioned(leases[shard].lease.taken_by(worker), leases[shard].version + 1)
            for shard in chosen.ask:
                leases[shard] = Versioned(leases[shard].lease.asked_by(worker), leases[shard].version + 1)
            moved += len(chosen.take) + len(chosen.ask)
        moves.append(moved)
    return moves
