"""The daemon on guard with all shipped playbooks, in one mode: a process fed by SQS, its calls to AWS overheard."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import yaml
from anyio import to_thread

from tests.e2e.closing_ssh import vigild
from tests.e2e.estates import ACCOUNT
from tests.e2e.playbooks.accounts import HOME, Account, account_of
from tests.e2e.playbooks.playbook import Place, Playbook
from tests.e2e.playbooks.reading import Everything, everything
from tests.e2e.processes import DaemonProcess, run_daemon
from tests.emulators import Emulator
from tests.faults import FaultProxy

CONFIG = Path(__file__).parents[3] / "config"
_PATIENCE_SECONDS = 60.0
_QUEUE = "queue"
"""In place of a playbook's name: the daemon's own account, which has the queue."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one playbook's bad state."""

    account: Account
    place: Place
    before: Everything
    after: Everything
    matched: Mapping[str, Any]
    """The event as the rule's alert holds it."""
    ended: Sequence[Mapping[str, Any]]
    """The events that tell how its actions ended."""
    entries: Mapping[str, Sequence[Mapping[str, Any]]]
    """The journal's entries, by intent."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A running daemon, and what it did about the bad state of each playbook."""

    folder: Path
    config: dict[str, Any]
    proxy: FaultProxy
    process: DaemonProcess
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    async def challenge(self, playbooks: Sequence[Playbook], accounts: Mapping[str, Account]) -> None:
        """Make all bad states, tell of them all, and note what has become of each."""
        made = []
        sqs = await accounts[_QUEUE].client("sqs")
        for playbook in playbooks:
            account = accounts[playbook.name]
            place = await playbook.make(account)
            made.append((playbook, account, place, await everything(account, playbook.services)))
        for playbook, account, place, _ in made:
            url = self.config["sources"]["events"]["queue_url"]
            await sqs.send_message(QueueUrl=url, MessageBody=playbook.message(account, place))
        told = {playbook.name: await self._told(playbook) for playbook in playbooks}
        journal = [json.loads(line) for line in (await self.vigild("journal", "export")).splitlines()]
        for playbook, account, place, before in made:
            matched, *ended = told[playbook.name]
            intents = [each["detail"]["intent"] for each in ended]
            entries = {intent: [entry for entry in journal if entry["intent"] == intent] for intent in intents}
            after = await everything(account, playbook.services)
            self.outcomes[playbook.name] = Outcome(account, place, before, after, matched, ended, entries)

    async def _told(self, playbook: Playbook) -> list[dict[str, Any]]:
        """Return the events in the alerts of a rule: what it matched, then how its actions ended."""
        path = self.folder / "alerts.ndjson"
        found: list[dict[str, Any]] = []
        with anyio.move_on_after(_PATIENCE_SECONDS):
            while len(found) < 1 + len(playbook.endings) and self.process.process.poll() is None:
                await anyio.sleep(0.05)
                *lines, _unfinished = path.read_text().split("\n") if path.exists() else [""]
                found = [alert["event"] for alert in map(json.loads, lines) if alert["rule"] == playbook.name]
        found.sort(key=lambda event: bool(event["source"] == "vigild"))
        assert found, self.process.log_text()[-3000:]
        return found

    async def vigild(self, *arguments: str) -> str:
        """Run another command with the same configuration; return what it prints."""
        done = await to_thread.run_sync(partial(vigild, self.folder, self.config, *arguments))
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout


@asynccontextmanager
async def on_guard(
    emulator: Emulator, playbooks: Sequence[Playbook], folder: Path, first_account: int, changed: Mapping[str, Any]
) -> AsyncIterator[Guard]:
    """Run the daemon with the shipped rules and playbooks; `changed` is laid over every action.

    Each playbook has an account of its own, numbered from `first_account`.
    """
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(FaultProxy(emulator.endpoint_url))
        accounts = {_QUEUE: await stack.enter_async_context(account_of(emulator))}
        actions: dict[str, dict[str, Any]] = {name: dict(changed) for name in _shipped_actions()} if changed else {}
        for number, playbook in enumerate(playbooks, first_account):
            name = ACCOUNT if playbook.in_own_account else str(number)
            accounts[playbook.name] = await stack.enter_async_context(account_of(emulator, name))
            for action, fields in (await playbook.prepare(accounts[playbook.name], proxy)).items():
                actions.setdefault(action, {}).update(fields)
        queue = await (await accounts[_QUEUE].client("sqs")).create_queue(QueueName=f"playbooks-{uuid.uuid4()}")
        config = {
            "sources": {"events": {"type": "sqs", "queue_url": queue["QueueUrl"]}},
            "rules": [str(CONFIG / "rules"), str(CONFIG / "playbooks")],
            "targets": {"alerts": {"type": "file", "path": str(folder / "alerts.ndjson")}},
            "actions": actions,
            "estate": {
                "accounts": sorted({account.number for account in accounts.values()}),
                "regions": [HOME],
                "role_arn": "arn:aws:iam::{account}:role/vigild",
                "external_id": "not-so-secret",
            },
            "state": {"type": "sqlite", "path": str(folder / "state.sqlite")},
            "dead_letters": {"default": {"type": "file", "path": str(folder / "dead.ndjson")}},
            "aws": {"region": HOME, "endpoint_url": proxy.endpoint_url},
        }
        process = stack.enter_context(run_daemon(folder, config))
        await to_thread.run_sync(process.wait_until_ready)
        guard = Guard(folder, config, proxy, process)
        await guard.challenge(playbooks, accounts)
        yield guard


def _shipped_actions() -> list[str]:
    files = [yaml.safe_load(path.read_text()) for path in sorted((CONFIG / "playbooks").glob("*/rule.yaml"))]
    return [name for file in files for name in file.get("actions", ())]
