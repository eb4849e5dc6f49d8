"""Each shipped playbook from the bad state to the good one and back, and in shadow, where nothing may be written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.playbooks.compute import EC2_STOPPED, INSPECTOR_CVE, RESTRICTED_SSH
from tests.e2e.playbooks.edge import WAF_BLOCK_CLIENT
from tests.e2e.playbooks.guard import CONFIG, Guard, on_guard
from tests.e2e.playbooks.identity import IAM_USER_CREATED, ROOT_LOGIN, TRAIL_STOPPED
from tests.e2e.playbooks.playbook import Playbook
from tests.e2e.playbooks.reading import changes, everything
from tests.e2e.playbooks.storage import RRS_OBJECT_LOST, S3_BUCKET_PUBLIC_READ, S3_OBJECT_PUBLIC
from tests.emulators import Emulator

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]  # the first test of a daemon waits for all playbooks

PLAYBOOKS = (
    EC2_STOPPED,
    S3_OBJECT_PUBLIC,
    RESTRICTED_SSH,
    S3_BUCKET_PUBLIC_READ,
    INSPECTOR_CVE,
    IAM_USER_CREATED,
    RRS_OBJECT_LOST,
    ROOT_LOGIN,
    TRAIL_STOPPED,
    WAF_BLOCK_CLIENT,
)
_each = pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.name)
_READS = ("Describe", "Get", "HEAD ", "GET ", "List")
_OTHER_CALLS = {"ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "AssumeRole"}
"""Of the queue, and the one that makes a role's credentials."""


@pytest.fixture(scope="module")
async def auto(moto: Emulator, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guard]:
    """Yield a daemon that has acted by itself on the bad state of every playbook."""
    folder = tmp_path_factory.mktemp("auto")
    async with on_guard(moto, PLAYBOOKS, folder, 200_000_000_000, {"mode": "auto"}) as guard:
        yield guard


@pytest.fixture(scope="module")
async def shadow(moto: Emulator, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guard]:
    """Yield a daemon that has seen them too, with the playbooks as shipped: it only says what it would do."""
    async with on_guard(moto, PLAYBOOKS, tmp_path_factory.mktemp("shadow"), 300_000_000_000, {}) as guard:
        yield guard


def test_every_playbook_is_put_to_the_test() -> None:
    """A new folder under config/playbooks has its line here."""
    assert sorted(path.parent.name for path in CONFIG.glob("playbooks/*/rule.yaml")) == sorted(
        playbook.name for playbook in PLAYBOOKS
    )


@_each
async def test_the_bad_thing_goes_and_comes_back_when_undone(playbook: Playbook, auto: Guard) -> None:
    """What the playbook is for is set right and nothing else changes; it is told, journalled, and can be undone."""
    outcome = auto.outcomes[playbook.name]

    assert changes(outcome.before, outcome.after) == playbook.changed(outcome.place, outcome.before)
    assert outcome.matched["account"] == ("" if playbook.in_own_account else outcome.account.number)
    assert [each["detail"]["ending"] for each in outcome.ended] == list(playbook.endings), outcome.ended
    assert {each["account"] for each in outcome.ended} <= {outcome.account.number}
    for intent, entries in outcome.entries.items():
        assert [entry["step"] for entry in entries] == ["begun", "done"]
        assert entries[0]["before"] != entries[0]["after"] or not playbook.undoable
        if playbook.undoable:
            await auto.vigild("undo", intent, "--by", "ada")
    if playbook.undoable:
        assert changes(outcome.before, await everything(outcome.account, playbook.services)) == {}


@_each
async def test_shadow_writes_nothing(playbook: Playbook, shadow: Guard) -> None:
    """As shipped, the playbook says what it would do, with the difference, and changes nothing."""
    outcome = shadow.outcomes[playbook.name]

    assert changes(outcome.before, outcome.after) == {}
    assert [each["detail"]["ending"] for each in outcome.ended] == ["would_do"] * len(playbook.endings), outcome.ended
    for each in outcome.ended:
        (entry,) = outcome.entries[each["detail"]["intent"]]
        assert (entry["step"], bool(each["detail"]["changes"])) == ("would_do", True)
        assert entry["before"] != entry["after"]


async def test_in_shadow_every_call_is_a_read(shadow: Guard) -> None:
    """Overheard on the wire: beside the queue's calls and those for credentials, the daemon has only read."""
    seen = set(shadow.proxy.seen)

    assert {call for call in seen - _OTHER_CALLS if not call.startswith(_READS)} == set()
    assert {"DescribeInstances", "DescribeSecurityGroups", "GetTrailStatus", "GetIPSet"} <= seen


async def test_the_journal_holds(auto: Guard) -> None:
    """The chain of what was done over all accounts is unbroken."""
    assert "every link holds" in await auto.vigild("journal", "verify")
