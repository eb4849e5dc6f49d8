from __future__ import annotations

import random

from daemon.sources.kinesis.checkpoints import TRIM_HORIZON, At, Checkpoint, Position


def test_the_position_stays_below_the_lowest_unsettled_record() -> None:
    """Records that are settled out of order move the position only when all before them are settled, too."""
    checkpoint = Checkpoint(TRIM_HORIZON)
    first, second, third = (checkpoint.hand_out(sequence, 1) for sequence in "123")

    checkpoint.settle(second)
    assert checkpoint.position == TRIM_HORIZON
    checkpoint.settle(first)
    assert checkpoint.position == Position(At.AFTER, "2")
    assert checkpoint
    checkpoint.settle(third)
    assert checkpoint.position == Position(At.AFTER, "3")
    assert not checkpoint


def test_an_aggregate_is_settled_with_its_last_part() -> None:
    """The position does not pass a record of which a user record is still in hand."""
    checkpoint = Checkpoint(TRIM_HORIZON)
    mark = checkpoint.hand_out("1", 3)

    checkpoint.settle(mark)
    checkpoint.settle(mark)
    assert checkpoint.position == TRIM_HORIZON
    checkpoint.settle(mark)
    assert checkpoint.position == Position(At.AFTER, "1")


def test_no_order_of_settling_passes_an_unsettled_record() -> None:
    """Whatever order a thousand records settle in, the position is always just below the first that has not."""
    rng = random.Random(7)
    checkpoint = Checkpoint(TRIM_HORIZON)
    marks = [(number, checkpoint.hand_out(str(number), 1)) for number in range(1_000)]
    unsettled = set(range(1_000))
    for number, mark in rng.sample(marks, len(marks)):
        checkpoint.settle(mark)
        unsettled.discard(number)
        lowest = min(unsettled, default=1_000)
        expected = TRIM_HORIZON if lowest == 0 else Position(At.AFTER, str(lowest - 1))
        assert checkpoint.position == expected


def test_a_record_that_waits_costs_no_memory_for_those_that_pass_it() -> None:
    """While one record waits for its target, thousands behind it settle and are forgotten; the position stays."""
    checkpoint = Checkpoint(TRIM_HORIZON)
    waiting = checkpoint.hand_out("0", 1)
    for number in range(1, 10_000):
        checkpoint.settle(checkpoint.hand_out(str(number), 1))

    assert (checkpoint.position, len(checkpoint._in_hand)) == (TRIM_HORIZON, 1)
    checkpoint.settle(waiting)
    assert checkpoint.position == Position(At.AFTER, "9999")
