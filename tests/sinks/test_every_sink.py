"""The one contract that every sink keeps: success, each way to fail, text that is too long, text that is hostile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from tests.sinks.examples import EVENT, HOSTILE_EVENT, notice
from tests.sinks.other_ends import NETWORKED, RETRY_AFTER_SECONDS, Fault, OtherEnd, other_end
from tests.sinks.rigs import Rig
from tests.sinks.services import MAIL

pytestmark = pytest.mark.anyio

MEANING: dict[Fault, tuple[type[EffectError], FailureKind | None]] = {
    Fault.REFUSES: (PermanentError, FailureKind.REFUSED),
    Fault.DENIES: (PermanentError, FailureKind.ACCESS_DENIED),
    Fault.THROTTLES: (RetryableError, FailureKind.THROTTLED),
    Fault.FAILS: (RetryableError, FailureKind.SERVER_ERROR),
    Fault.SAYS_NOTHING: (RetryableError, FailureKind.TIMEOUT),
    Fault.CUTS: (RetryableError, FailureKind.UNREACHABLE),
    # To one library nonsense is a cut connection, to another an answer.
    Fault.TALKS_NONSENSE: (RetryableError, None),
}
OVERSIZED = EVENT.replace(b"running", b"x" * 11 * 1024**2)
"""Larger than anything that any service takes."""


@pytest.fixture(scope="module", params=NETWORKED)
async def end(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, OtherEnd]]:
    """Yield the other end of each sink, with its kind."""
    async with other_end(request.param) as end:
        yield request.param, end


@pytest.mark.parametrize("fault", Fault)
async def test_each_failure_has_its_meaning(end: tuple[str, OtherEnd], fault: Fault) -> None:
    """What may pass is worth repeating, after as long as the other end asks; what cannot pass is not."""
    kind, other = end
    sink = other.sink(0.5 if fault is Fault.SAYS_NOTHING else 20.0)
    other.misbehave(fault)
    await sink.open()
    with pytest.raises(EffectError) as raised:
        await sink.send(notice())
    await sink.close()

    error, meant = MEANING[fault]
    assert error is type(raised.value)
    assert meant in (raised.value.kind, None)
    if fault is Fault.THROTTLES and kind not in MAIL:
        # SMTP has no way to say when.
        assert getattr(raised.value, "delay", None) == RETRY_AFTER_SECONDS


async def test_an_alert_arrives(every_rig: Rig) -> None:
    """Once, with the rule's name."""
    await every_rig.sink.send(notice())
    (body,) = await every_rig.arrived()
    assert "instance-started" in body


async def test_text_that_is_too_long_is_cut_or_refused(every_rig: Rig) -> None:
    """The alert of a huge event arrives, cut where it must be, or is a PermanentError; the next one arrives."""
    with suppress(PermanentError):
        await every_rig.sink.send(notice(OVERSIZED))
        assert len(await every_rig.arrived()) == 1
    await every_rig.sink.send(notice())
    assert await every_rig.arrived()


async def test_hostile_text_is_text(every_rig: Rig) -> None:
    """Markup, mentions, line ends, terminal codes make one alert, without a control character that acts."""
    await every_rig.sink.send(notice(HOSTILE_EVENT, description="<!channel> <b>\x1b[31m\r\n.\r\nBcc: eve@evil.example"))
    (body,) = await every_rig.arrived()
    assert "\x1b" not in body
