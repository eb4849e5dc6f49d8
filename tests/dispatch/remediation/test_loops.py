"""Events that our own calls cause are known, whichever way AWS tells of them."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.clients.estate import Call
from daemon.dispatch.remediation.aside import Aside
from daemon.dispatch.remediation.counts import HourlyCounts
from daemon.dispatch.remediation.holds import Holds
from daemon.dispatch.remediation.loops import LoopBreaker
from daemon.state.sqlite import SqliteStore
from daemon.telemetry import build_telemetry
from tests.clocks import HandWound

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("detail", "cause"),
    [
        ({"requestID": "C3D13FE58DE4C810"}, "intent-1"),  # CloudTrail
        ({"request-id": "C3D13FE58DE4C810"}, "intent-1"),  # S3's own events
        ({"request-id": "another"}, None),
        ({"request-id": ["C3D13FE58DE4C810"]}, None),
        ({"requestID": "", "request-id": None}, None),
        ({"userAgent": "[aiobotocore/3.1 vigild/0.1.0]"}, ""),
        ({"userIdentity": {"arn": "arn:aws:sts::111122223333:assumed-role/vigild/vigild"}}, ""),
        ({"userIdentity": {"arn": "arn:aws:sts::111122223333:assumed-role/vigild/ada"}}, None),
    ],
)
async def test_our_own_calls_are_known(
    store: SqliteStore, clock: HandWound, detail: dict[str, Any], cause: str | None
) -> None:
    """By the request's id, else by the session or the user agent; anybody else's call is not ours."""
    aside = Aside(store, build_telemetry(), clock)
    loops = LoopBreaker(store, clock, Holds(store, clock, aside), HourlyCounts(store, clock, aside), "vigild")
    await loops.note(Call("s3", "PutObjectAcl", "C3D13FE58DE4C810", write=True), "intent-1")

    assert await loops.cause({"detail": detail}) == cause
