"""Events that our own calls cause are known, whichever way AWS tells of them."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.clients.estate import Call
from daemon.dispatch.remediation.aside import Aside
from daemon.dispatch.remediation.counts import HourlyCounts
from daemon.dispatch.remediation.holds import Holds
from daemon.dispatch.remediation.loops import LoopBreaker, Ourselves
from daemon.state.sqlite import SqliteStore
from daemon.telemetry import build_telemetry
from tests.clocks import HandWound

pytestmark = pytest.mark.anyio

OURS = "arn:aws:sts::111122223333:assumed-role/remediation/vigild"
THEIRS = "arn:aws:sts::999999999999:assumed-role/evil/vigild"
"""Session name and user agent are the caller's own choice, account and role are not."""


async def acts_as(arn: str) -> bool:
    return ":111122223333:assumed-role/remediation/" in arn


@pytest.mark.parametrize(
    ("detail", "cause"),
    [
        ({"requestID": "C3D13FE58DE4C810"}, "intent-1"),  # CloudTrail
        ({"request-id": "C3D13FE58DE4C810"}, "intent-1"),  # S3's own events
        ({"request-id": "another"}, None),
        ({"request-id": ["C3D13FE58DE4C810"]}, None),
        ({"requestID": "", "request-id": None}, None),
        ({"userIdentity": {"arn": OURS}, "userAgent": "[aiobotocore/3.1 vigild/0.1.0]"}, ""),
        ({"userIdentity": {"arn": OURS}}, ""),
        ({"userIdentity": {"arn": OURS + "-not"}}, None),
        ({"userAgent": "[aiobotocore/3.1 vigild/0.1.0]"}, None),
        ({"userIdentity": {"arn": THEIRS}, "userAgent": "aws-cli/2 vigild/9"}, None),
    ],
)
async def test_our_own_calls_are_known(
    store: SqliteStore, clock: HandWound, detail: dict[str, Any], cause: str | None
) -> None:
    """By the request's id, else by the session or the user agent of a role of ours; anybody else's call is not ours."""
    aside = Aside(store, build_telemetry(), clock)
    holds, counts = Holds(store, clock, aside), HourlyCounts(store, clock, aside)
    loops = LoopBreaker(store, clock, holds, counts, Ourselves("vigild", acts_as))
    await loops.note(Call("s3", "PutObjectAcl", "C3D13FE58DE4C810", write=True), "intent-1")

    assert await loops.cause({"detail": detail}) == cause
