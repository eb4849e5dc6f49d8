"""The circuit breaker, on a clock that is wound by hand."""

from __future__ import annotations

import random
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.dispatch.breaker import Breaker, SuspendedError
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.target_config import BreakerConfig
from tests.clocks import HandWound

pytestmark = pytest.mark.anyio

DOWN = RetryableError(FailureKind.SERVER_ERROR, "HTTP 500")
DENIED = PermanentError(FailureKind.ACCESS_DENIED, "HTTP 403")
BASE, CAP = 10.0, 80.0


class Rig:
    """A breaker that opens after three failures, its clock, and what it reported."""

    def __init__(self, **changes: Any) -> None:
        self.clock = HandWound()
        self.reported: list[EffectError | None] = []
        config = BreakerConfig.model_validate({"failures": 3, "base_seconds": BASE, "cap_seconds": CAP, **changes})
        self.breaker = Breaker(config, self.clock, random.Random(7), self.reported.append)

    def fail(self, intent: str, error: EffectError = DOWN) -> None:
        """Let one call of the intent fail."""
        assert self.breaker.take(intent)
        self.breaker.failed(intent, error)

    def open(self) -> None:
        """Let calls of different intents fail until it opens."""
        for intent in ("a", "b", "c"):
            self.fail(intent)
        assert self.breaker.cause is DOWN


def test_it_opens_after_failures_in_a_row() -> None:
    """A success in between starts the count anew; once open, nobody may call."""
    rig = Rig()
    rig.fail("a")
    rig.fail("b")
    rig.breaker.succeeded("c")
    rig.fail("a")
    rig.fail("b")
    assert rig.breaker.take("d")
    rig.breaker.failed("d", DENIED)

    assert rig.reported == [DENIED]
    assert not rig.breaker.take("e")


def test_a_refusal_of_one_request_is_an_answer() -> None:
    """Who refuses a request is there: it neither opens the breaker nor keeps it open."""
    rig = Rig()
    for number in range(10):
        rig.fail(str(number), PermanentError(FailureKind.REFUSED, "HTTP 400"))
    assert rig.reported == []

    rig.open()
    rig.clock.time += BASE
    rig.fail("d", PermanentError(FailureKind.REFUSED, "HTTP 400"))
    assert rig.reported == [DOWN, None]


def test_our_own_faults_say_nothing_about_the_target() -> None:
    """A bug in a sink neither opens nor closes the breaker."""
    rig = Rig()
    for number in range(10):
        rig.fail(str(number), PermanentError(FailureKind.BUG, "KeyError"))
    rig.open()
    rig.clock.time += BASE
    rig.fail("d", PermanentError(FailureKind.BUG, "KeyError"))

    assert rig.breaker.cause is DOWN
    assert rig.breaker.take("e"), "the try was for nothing, the next one may"


def test_one_call_tries_at_a_time_and_ever_more_rarely() -> None:
    """The waits between tries double up to the cap, each shortened by up to half."""
    rig = Rig()
    rig.open()
    waits = []
    for number in range(6):
        began = rig.clock.time
        while not rig.breaker.take(f"try-{number}"):
            rig.clock.time += 0.25
        assert not rig.breaker.take("another"), "one try at a time"
        waits.append(rig.clock.time - began)
        rig.breaker.failed(f"try-{number}", DOWN)

    for wait, ceiling in zip(waits, (BASE, 2 * BASE, 4 * BASE, CAP, CAP, CAP), strict=True):
        assert ceiling / 2 <= wait <= ceiling + 0.25


def test_a_target_that_asks_for_time_gets_it() -> None:
    """Retry-After counts where it is longer than the wait would be."""
    rig = Rig()
    for intent in ("a", "b", "c"):
        rig.fail(intent, RetryableError(FailureKind.THROTTLED, "HTTP 429", delay=500.0))
    rig.clock.time += 499
    assert not rig.breaker.take("d")
    rig.clock.time += 1
    assert rig.breaker.take("d")


def test_one_poisonous_intent_does_not_silence_the_target() -> None:
    """Where only one intent has failed, the first other one may try at once, and its success opens the way for all."""
    rig = Rig()
    for _ in range(3):
        rig.fail("poison", DENIED)
    assert not rig.breaker.take("poison")

    assert rig.breaker.take("good")
    rig.breaker.succeeded("good")
    assert rig.breaker.take("poison")
    assert rig.reported == [DENIED, None]


def test_a_success_that_was_under_way_closes_it() -> None:
    """A call that began before the breaker opened proves as much as a try."""
    rig = Rig()
    assert rig.breaker.take("slow")
    rig.open()
    rig.breaker.succeeded("slow")

    assert rig.breaker.take("d")


async def test_who_waits_goes_on_when_it_closes() -> None:
    """Nobody sleeps through the end of a suspension until the time of the next try."""
    rig = Rig()
    assert rig.breaker.take("slow")
    rig.open()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(rig.breaker.wait, str(number), None)
            await anyio.wait_all_tasks_blocked()
            rig.breaker.succeeded("slow")


async def test_waiting_ends_with_the_failure_that_keeps_it_open() -> None:
    """Past its age an intent gets the cause as its own end; where nothing is to wait, it does so at once."""
    rig = Rig()
    rig.open()
    with pytest.raises(SuspendedError, match="HTTP 500"):
        await rig.breaker.wait("d", rig.clock.time)
    rig = Rig(when_open="park")
    rig.open()
    with pytest.raises(SuspendedError, match="HTTP 500"):
        await rig.breaker.wait("d", None)


async def test_a_try_that_is_cut_off_lets_another_one_in() -> None:
    """A stop or a lost claim in the middle of the try does not leave the breaker waiting for it for ever."""
    rig = Rig()
    rig.open()
    rig.clock.time += BASE
    assert rig.breaker.take("d")
    rig.breaker.abandoned("d")
    assert rig.breaker.take("e")


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["down", "denied", "refused", "bug", "succeeded", "abandoned", *["pass"] * 6]),
            st.sampled_from("abcd"),
            st.floats(0, 2 * CAP),
        ),
        max_size=60,
    )
)
def test_whatever_happens_it_neither_floods_nor_gives_up(steps: list[tuple[str, str, float]]) -> None:
    """While open, one call is under way at most; closed means no cause; and after the longest wait somebody may try."""
    errors: dict[str, EffectError] = {
        "down": DOWN,
        "denied": DENIED,
        "refused": PermanentError(FailureKind.REFUSED, "HTTP 400"),
        "bug": PermanentError(FailureKind.BUG, "KeyError"),
    }
    rig = Rig()
    rig.open()
    under_way: list[tuple[str, bool]] = []
    for number, (step, intent, seconds) in enumerate(steps):
        rig.clock.time += seconds
        name = f"{intent}{number % 3}"
        open_before = rig.breaker.cause is not None
        if step == "pass":
            if name not in [held for held, _ in under_way] and rig.breaker.take(name):
                under_way.append((name, open_before))
            assert sum(is_try for _, is_try in under_way) <= 1
        elif under_way:
            held, _ = under_way.pop(0)
            if step in errors:
                rig.breaker.failed(held, errors[step])
            elif step == "succeeded":
                rig.breaker.succeeded(held)
            rig.breaker.abandoned(held)
            if step in {"succeeded", "refused"}:
                assert rig.breaker.cause is None
            under_way = [(other, is_try and rig.breaker.cause is not None) for other, is_try in under_way]
    for held, _ in under_way:
        rig.breaker.abandoned(held)
    rig.clock.time += 1.1 * CAP
    assert rig.breaker.take("anybody")


def test_open_it_stands_while_someone_waits_or_its_try_is_not_due() -> None:
    """Once its try is due and nobody wants anything of the target, it says nothing of it any more."""
    rig = Rig()
    rig.open()
    assert rig.breaker.stands
    rig.breaker.expected = 1
    rig.clock.time += CAP
    assert rig.breaker.stands
    rig.breaker.expected = 0
    assert not rig.breaker.stands
    rig.fail("d")
    assert rig.breaker.stands
