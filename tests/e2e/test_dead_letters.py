"""`vigild dead-letters`, from the outside: what a real daemon parked is listed, redriven and purged."""

from __future__ import annotations

import asyncio.subprocess
import os
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import orjson
import pytest
import yaml
from anyio import to_thread

from daemon.clients import AwsClients
from tests.e2e.failures import configuration, depth, event, lines, queue_of, send, until
from tests.e2e.processes import run_daemon
from tests.emulators import CREDENTIALS, Emulator
from tests.servers import Server, serve, status

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(240)]

UNREADABLE = ["{", "not json", '{"detail-type": 5, "detail": 1}']
EVENTS = 30


async def place_of(kind: str, folder: Path, clients: AwsClients) -> dict[str, Any]:
    """Return the configuration of a fresh dead-letter place."""
    if kind == "sqs":
        queue = await queue_of(await clients.client("sqs"), f"dead-{folder.name}")
        return {"type": "sqs", "queue_url": queue, "too_large_path": str(folder / "large.ndjson")}
    return {"type": "file", "path": str(folder / "dead.ndjson")} if kind == "file" else {"type": "state"}


async def dead_letters(folder: Path, config: dict[str, Any], *arguments: str) -> tuple[int, list[str], str]:
    """Run the command; return its exit code, the lines of its output, and what it said beside."""
    process = await start(folder, config, *arguments)
    output, said = await process.communicate()
    return process.returncode or 0, output.decode().splitlines(), said.decode()


async def start(folder: Path, config: dict[str, Any], *arguments: str) -> asyncio.subprocess.Process:
    path = folder / "letters.yaml"
    await to_thread.run_sync(path.write_text, yaml.safe_dump({**config, "telemetry": {"log_level": "error"}}))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daemon", "dead-letters", *arguments, "--config", str(path)),
        env={**os.environ, **CREDENTIALS},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def keys(server: Server) -> Counter[str]:
    return Counter(request.headers["Idempotency-Key"] for request in server.requests)


async def park(folder: Path, client: Any, queue: str, config: dict[str, Any], *bodies: str) -> None:
    """Let a daemon meet these messages until all are settled, with a webhook that refuses every alert."""
    await send(client, queue, *bodies)
    with run_daemon(folder, config) as process:
        outcomes = ("matched", "rejected", "duplicate")
        settled = [("vigild_events_settled_total", outcome) for outcome in outcomes]
        await until(
            process, lambda: sum(process.metric(name, outcome=of) for name, of in settled) == len(bodies), "settled"
        )
        assert await to_thread.run_sync(process.stop) == 0


@pytest.mark.parametrize("kind", ["file", "sqs", "state"])
async def test_letters_are_listed_redriven_and_purged(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients, kind: str
) -> None:
    """Counts are exact, a dry run changes nothing, a redrive sends each alert once under its own key."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"redrive-{tmp_path.name}")
    async with serve(status(400)) as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        config["dead_letters"] = {"default": await place_of(kind, tmp_path, roto_clients)}
        await park(tmp_path, client, queue, config, *map(event, range(EVENTS)), *UNREADABLE)
        first = keys(server)
        server.requests.clear()
        server.answers[:] = [status(200)]

        code, found, said = await dead_letters(tmp_path, config, "list", "--json")
        letters = [orjson.loads(line) for line in found]
        assert (code, Counter(letter["reason"] for letter in letters)["refused"]) == (0, EVENTS)
        assert said.startswith(f"{EVENTS + len(UNREADABLE)} letter(s): {EVENTS} refused")
        code, found, _ = await dead_letters(tmp_path, config, "list", "--name", "queue", "--older-than", "0s")
        assert len(found) == 1 + len(UNREADABLE)

        _, found, _ = await dead_letters(tmp_path, config, "redrive", "--dry-run")
        assert found == [
            f"{EVENTS + 3} letter(s) would be redriven: {EVENTS} to target hook, 3 to the decoder, for source queue"
        ]
        assert server.requests == []

        code, found, said = await dead_letters(tmp_path, config, "redrive", "--rate", "1000")
        assert (code, found) == (1, [f"{EVENTS + 3} letter(s) redriven: {EVENTS} delivered, 3 failed again"]), said
        assert keys(server) == dict.fromkeys(first, 1)
        code, found, _ = await dead_letters(tmp_path, config, "purge", "--reason", "bad_envelope", "--yes")
        assert (code, found) == (0, ["1 letter(s) removed"])
        code, found, _ = await dead_letters(tmp_path, config, "purge", "--yes")
        assert (code, found) == (0, ["2 letter(s) removed"])
        _, _, said = await dead_letters(tmp_path, config, "list")
        assert said == "0 letter(s)\n"

        server.requests.clear()
        await park(tmp_path, client, queue, config, *map(event, range(EVENTS)))
        assert server.requests == [], "what was redriven is known to be done"


async def test_a_redrive_that_fails_again_leaves_each_letter_where_it_was(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """No letter is doubled, none is lost, the target is not hammered, and a later redrive finds them all."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"again-{tmp_path.name}")
    async with serve(status(400)) as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        await park(tmp_path, client, queue, config, *map(event, range(EVENTS)))
        before = lines(tmp_path / "dead.ndjson")
        server.requests.clear()
        server.answers[:] = [status(503)]
        code, found, _ = await dead_letters(tmp_path, config, "redrive", "--rate", "1000")
        assert (code, found) == (1, [f"{EVENTS} letter(s) redriven: {EVENTS} failed again"])
        assert lines(tmp_path / "dead.ndjson") == before
        assert len(server.requests) < EVENTS, "suspended after three failures in a row"

        server.requests.clear()
        server.answers[:] = [status(200)]
        code, found, _ = await dead_letters(tmp_path, config, "redrive", "--rate", "1000")
        assert (code, found) == (0, [f"{EVENTS} letter(s) redriven: {EVENTS} delivered"])
        assert len(keys(server)) == EVENTS


async def test_a_redrive_that_is_killed_loses_nothing_and_repeats_only_what_was_under_way(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """Killed in the middle and begun again, beside a running daemon: every alert arrives under its own key."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"kill-{tmp_path.name}")
    async with serve(status(400)) as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        config["dedupe"] = {"session_seconds": 2}
        await park(tmp_path, client, queue, config, *map(event, range(100)))
        parked = keys(server)
        server.requests.clear()
        server.answers[:] = [status(200)]
        with run_daemon(tmp_path, config) as process:
            await to_thread.run_sync(process.wait_until_ready)
            killed = await start(tmp_path, config, "redrive", "--rate", "50")
            with anyio.fail_after(60):
                while len(server.requests) < 30:  # noqa: ASYNC110 - another process sends
                    await anyio.sleep(0.05)
            killed.kill()
            await killed.communicate()
            code, found, said = 1, [""], ""
            with anyio.move_on_after(60):
                # Until the killed one's session is over, what it had under way is in work elsewhere.
                while code:
                    code, found, said = await dead_letters(tmp_path, config, "redrive", "--rate", "1000")
            assert code == 0, (found, said)
            assert await to_thread.run_sync(process.stop) == 0

    assert set(keys(server)) == set(parked)
    assert sum(count - 1 for count in keys(server).values()) <= 8
    assert lines(tmp_path / "dead.ndjson") == []


async def test_a_redrive_obeys_the_policy_of_today(tmp_path: Path, roto: Emulator, roto_clients: AwsClients) -> None:
    """Where the configuration now drops what a target refuses, the letter is gone and the count says why."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"policy-{tmp_path.name}")
    async with serve(status(400)) as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        await park(tmp_path, client, queue, config, event(1))
        config["failures"] = {"target_rejects": {"do": "drop"}}
        code, found, _ = await dead_letters(tmp_path, config, "redrive")

    assert (code, found) == (0, ["1 letter(s) redriven: 1 dropped or refused by policy"])
    assert lines(tmp_path / "dead.ndjson") == []


async def test_what_cannot_be_redriven_says_so(tmp_path: Path, roto: Emulator, roto_clients: AwsClients) -> None:
    """A target or rule that is no longer configured keeps its letters; the wrong name of a place is told."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"gone-{tmp_path.name}")
    async with serve(status(400)) as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        await park(tmp_path, client, queue, config, event(1), event(2))
    renamed = {**config, "targets": {"pager": config["targets"]["pager"], "own": config["targets"]["own"]}}
    renamed["failures"] = {}
    rules = (tmp_path / "rules.yaml").read_text()
    (tmp_path / "rules.yaml").write_text(rules.replace("targets: [hook]", "targets: [own]"))
    code, found, _ = await dead_letters(tmp_path, renamed, "redrive")
    assert (code, found) == (1, ["2 letter(s) redriven: 2 no such target"])
    (tmp_path / "rules.yaml").write_text(rules.replace("name: stopped", "name: other"))
    code, found, _ = await dead_letters(tmp_path, config, "redrive")
    assert (code, found) == (1, ["2 letter(s) redriven: 2 no such rule"])
    code, _, said = await dead_letters(tmp_path, config, "list", "--place", "defualt")
    assert code == 2
    assert "did you mean 'default'" in said
    assert len(lines(tmp_path / "dead.ndjson")) == 2


async def test_a_letter_is_shown_and_a_purge_asks_first(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """The whole letter is printed; without --yes and without an answer nothing is removed."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"ask-{tmp_path.name}")
    async with serve(status(400)) as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        await park(tmp_path, client, queue, config, event(1))
    (letter,) = lines(tmp_path / "dead.ndjson")
    _, found, _ = await dead_letters(tmp_path, config, "show", letter["id"][:8])
    assert orjson.loads("\n".join(found)) == letter
    code, found, _ = await dead_letters(tmp_path, config, "purge")
    assert code == 1
    assert "Remove 1 letter(s) from default for good?" in found[0]
    assert len(lines(tmp_path / "dead.ndjson")) == 1


async def test_redriving_needs_the_state_and_says_so(tmp_path: Path, roto: Emulator, roto_clients: AwsClients) -> None:
    """Where the claims cannot be reached nothing is sent: it could be a second time."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"state-{tmp_path.name}")
    async with serve(status(400)) as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        await park(tmp_path, client, queue, config, event(1))
        server.requests.clear()
        config["state"]["busy_timeout_seconds"] = 0.2
        connection = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        code, _, said = await dead_letters(tmp_path, config, "redrive")
        connection.close()

    assert code == 1
    assert "sqlite" in said
    assert server.requests == []
    assert len(lines(tmp_path / "dead.ndjson")) == 1
    assert await depth(client, queue) == (0, 0)
    assert str(UUID(int=1)) in str(lines(tmp_path / "dead.ndjson"))


async def test_what_could_not_be_read_is_read_once_that_is_mended(
    tmp_path: Path, roto: Emulator, roto_clients: AwsClients
) -> None:
    """A message over the limit is parked; with the limit raised its redrive alerts as the message would have."""
    client = await roto_clients.client("sqs")
    queue = await queue_of(client, f"mended-{tmp_path.name}")
    large = orjson.dumps({**orjson.loads(event(1)), "filling": "x" * 2_000}).decode()
    async with serve() as server:
        config = configuration(tmp_path, queue, server.url, roto.endpoint_url)
        config["limits"] = {"max_event_bytes": 1024}
        await park(tmp_path, client, queue, config, large, event(2))
        (letter,) = lines(tmp_path / "dead.ndjson")
        assert letter["reason"] == "too_large"
        config["limits"] = {}
        code, found, _ = await dead_letters(tmp_path, config, "redrive")
        assert (code, found) == (0, ["1 letter(s) redriven: 1 decoded"])
        await park(tmp_path, client, queue, config, large, event(2))

    sent = [orjson.loads(request.body)["event"]["id"] for request in server.requests]
    assert sent == [str(UUID(int=2)), str(UUID(int=1))], "each once, the message that came again not at all"
    assert lines(tmp_path / "dead.ndjson") == []
