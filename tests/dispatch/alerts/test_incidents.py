"""Groups at services that keep incidents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.clocks import HandWound
from tests.dispatch.alerts.replica import NOON, event, replica
from tests.servers import Server, serve, status

pytestmark = pytest.mark.anyio

GROUP = {"by": ["rule"], "wait_seconds": 30, "close_after_seconds": 600, "closing_note": "always"}


async def told(folder: Path, **target: Any) -> list[tuple[str, Any]]:
    """Let a group open, be told of again, and close; return path and body of every request."""
    clock = HandWound(NOON)
    async with serve(status(202)) as server, replica(folder, server, clock, group=GROUP, **target) as process:
        await process.alert(event(1))
        await process.wait(30)
        await process.alert(event(2))
        await process.wait(300)
        await process.wait(300)
    return _requests(server)


def _requests(server: Server) -> list[tuple[str, Any]]:
    return [(request.path, orjson.loads(request.body)) for request in server.requests]


async def test_a_group_is_one_pagerduty_incident(tmp_path: Path) -> None:
    """Its notes trigger one deduplication key, its closing note resolves it."""
    bodies = [body for _, body in await told(tmp_path, type="pagerduty", routing_key="0" * 32)]

    assert [body["event_action"] for body in bodies] == ["trigger", "trigger", "resolve"]
    assert len({body["dedup_key"] for body in bodies}) == 1
    assert "1 more since 12:00Z on 1 resource (2 in all)" in bodies[1]["payload"]["summary"]


async def test_a_group_is_one_opsgenie_alert(tmp_path: Path) -> None:
    """Its notes have one alias, which its closing note closes."""
    (_, opened), (_, again), (path, _) = await told(tmp_path, type="opsgenie", api_key="k")

    assert opened["alias"] == again["alias"]
    assert f"/v2/alerts/{opened['alias'].replace('/', '%2F')}/close" in path


async def test_a_closed_group_ends_its_alert_at_alertmanager(tmp_path: Path) -> None:
    """The labels stay the same, and the closing note ends the alert at once."""
    alerts = [body[0] for _, body in await told(tmp_path, type="alertmanager")]

    assert alerts[0]["labels"] == alerts[1]["labels"] == alerts[2]["labels"]
    assert [alert["endsAt"] > alert["startsAt"] for alert in alerts] == [True, True, False]
