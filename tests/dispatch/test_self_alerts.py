"""Alerts about vigild itself."""

from __future__ import annotations

import anyio
import orjson
import pytest

from daemon.dispatch.notices import Headline
from daemon.dispatch.self_alerts import SelfAlerts
from daemon.errors import FailureKind, PermanentError
from daemon.event import Event
from tests.clocks import HandWound

pytestmark = pytest.mark.anyio

DENIED = PermanentError(FailureKind.ACCESS_DENIED, "HTTP 403")
SINCE = 1_700_000_000.0


async def test_replicas_give_one_suspension_one_name() -> None:
    """Within an hour the same target and kind of failure make the same event, so that claims send one alert."""
    told: list[tuple[Event, Headline, tuple[str, ...]]] = []

    async def tell(*alert: object) -> None:
        told.append(alert)  # type: ignore[arg-type] # as run() calls it

    for offset in (0.0, 60.0, 3_600.0):
        alerts = SelfAlerts(["pager", "hook"], HandWound())
        alerts.target_suspended("hook", DENIED, SINCE + offset)
        with anyio.move_on_after(0.05):
            await alerts.run(tell)

    first, second, third = told
    assert first[0].identity == second[0].identity != third[0].identity
    assert {targets for _, _, targets in told} == {("pager",)}, "never to the target that is suspended"
    assert orjson.loads(first[0].body)["detail"] == {"target": "hook", "kind": "access_denied", "detail": "HTTP 403"}


async def test_a_target_that_comes_and_goes_makes_no_heap_of_alerts() -> None:
    """While one alert about a target is on its way, further ones about it are let go; other targets' are not."""
    alerts, started = SelfAlerts(["pager"], HandWound()), []

    async def tell(event: Event, _headline: Headline, _targets: tuple[str, ...]) -> None:
        started.append(orjson.loads(event.body)["detail"]["target"])
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(alerts.run, tell)
        for hour in range(5):
            for target in ("hook", "queue"):
                alerts.target_suspended(target, DENIED, SINCE + hour * 3_600)
            await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert sorted(started) == ["hook", "queue"]
