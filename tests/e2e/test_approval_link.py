"""The approval link in an alert, over HTTP, with the daemon running."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.e2e.closing_ssh import CLOSED, configuration, open_to_the_world, opened_event
from tests.e2e.estates import estate_of, group_rules, make_group
from tests.e2e.processes import run_daemon
from tests.emulators import Emulator, free_port

pytestmark = pytest.mark.anyio


def fetch(url: str, **form: str) -> tuple[int, str]:
    """GET the page, or POST the form if there is one."""
    try:
        with urlopen(url, data=urlencode(form).encode() if form else None, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_a_link_approves_once(moto: Emulator, tmp_path: Path) -> None:
    """Opening the link changes nothing; posting its token approves; an altered or used token is refused."""
    port = free_port()
    config = configuration(tmp_path, moto, "approve")
    config["sources"]["events"]["follow"] = True
    config["approvals"] = {
        "secret": "s" * 40,
        "link_base": f"http://127.0.0.1:{port}",
        "listen": f"127.0.0.1:{port}",
    }
    alerts = tmp_path / "alerts.ndjson"
    async with estate_of(moto) as aws:
        group = await make_group(aws, f"open-{uuid.uuid4()}")
        await open_to_the_world(aws, group)
        before = await group_rules(aws, group)
        (tmp_path / "events.ndjson").write_text(json.dumps(opened_event(group)) + "\n")
        with run_daemon(tmp_path, config) as daemon:
            daemon.wait_for(lambda: alerts.exists() and alerts.read_text(), "told of the plan")
            url = json.loads(alerts.read_text())["event"]["detail"]["approve-url"]
            page, _, token = url.partition("?token=")

            shown = fetch(url)
            altered = fetch(page, token=token[::-1], answer="approve")
            still = await group_rules(aws, group)
            approved = fetch(page, token=token, answer="approve")
            daemon.wait_for(lambda: len(alerts.read_text().splitlines()) == 2, "told of the end")
            used = fetch(page, token=token, answer="deny")

        assert (shown[0], altered[0], approved[0], used[0]) == (200, 403, 200, 403)
        assert f"- {group} ingress: tcp/22 from 0.0.0.0/0" in shown[1]
        assert (before, CLOSED) == (still, await group_rules(aws, group))
        assert token not in daemon.log_text()
