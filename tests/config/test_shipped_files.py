"""Everything in config/ works as it lies there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.actions import ACTIONS
from daemon.actions.config import Mode
from daemon.assembly import rules_of
from daemon.match import Matcher
from daemon.rules.lint import lint_rules
from daemon.rules.load import load_rules
from daemon.rules.trial import run_tests
from daemon.settings import load_settings, starter_pack

ROOT = Path(__file__).parents[2]


def test_the_starter_pack_does_what_its_tests_say() -> None:
    """Every rule has a test that matches and one that does not, and all of them hold."""
    rules = load_rules([starter_pack()], ["alerts"], ["alerts"])
    verdicts = list(run_tests(rules))

    assert [(verdict.rule.origin, verdict.test.name) for verdict in verdicts if not verdict.passed] == []
    for name, rule in rules.rules.items():
        assert {test.match for test in rule.tests} == {True, False}, name
    assert len(rules.rules) >= 15


def test_the_starter_pack_is_free_of_warnings() -> None:
    """What the linter says of the shipped rules is mended, or ignored with a reason."""
    assert [warning.text for warning in lint_rules([starter_pack()]).warnings] == []


def test_the_commented_example_loads() -> None:
    """config/vigild.yaml is a configuration without a fault, and its rules are found."""
    settings = load_settings(ROOT / "config" / "vigild.yaml")

    assert set(settings.sources) == {"events"}
    assert settings.default_targets == ["terminal", "security-webhook"]


PLAYBOOKS = ROOT / "config" / "playbooks"


@pytest.mark.parametrize("folders", [[PLAYBOOKS], [starter_pack(), PLAYBOOKS]], ids=["alone", "with-the-starter-pack"])
def test_the_playbooks_do_what_their_tests_say_without_warnings(folders: list[Path]) -> None:
    """They load by being named, every test of theirs holds, the linter has nothing to say, nothing acts by itself."""
    settings = load_settings(None, {"rules": folders})
    rules = rules_of(settings)

    assert [verdict.test.name for verdict in run_tests(rules) if not verdict.passed] == []
    assert [warning.text for warning in lint_rules(folders).warnings] == []
    for rule in (rule for rule in rules.rules.values() if "playbooks" in rule.origin):
        assert {test.match for test in rule.tests} == {True, False}
    assert {action.mode for action in settings.actions.values()} == {Mode.SHADOW}


@pytest.mark.parametrize("folder", sorted(path.parent for path in PLAYBOOKS.glob("*/rule.yaml")), ids=lambda f: f.name)
def test_each_playbook_works_alone_and_has_its_page(folder: Path) -> None:
    """A folder is named after its rule, loads alone, and its page and the list of all say what it takes."""
    settings = load_settings(None, {"rules": [folder]})
    page, index = (folder / "README.md").read_text(), (PLAYBOOKS / "README.md").read_text()

    assert list(rules_of(settings).rules) == [folder.name]
    assert f"]({folder.name}/README.md)" in index
    for name, action in settings.actions.items():
        assert name in page
        for permission in ACTIONS[action.type].action.permissions.write:
            assert f"`{permission}`" in page


@pytest.mark.parametrize("page", sorted(PLAYBOOKS.glob("*/README.md")), ids=lambda page: page.parent.name)
def test_the_pattern_on_a_playbooks_page_lets_its_events_through(page: Path) -> None:
    """The EventBridge rule that a page tells people to make sends all that the playbook's own rule looks for."""
    rules = rules_of(load_settings(None, {"rules": [page.parent]}))
    wanted = [verdict for verdict in run_tests(rules) if verdict.test.match]
    patterns = dict(enumerate(re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)))
    assert patterns or page.parent.name == "rrs-object-lost"  # which EventBridge is not told of

    matcher = Matcher({str(number): pattern for number, pattern in patterns.items()})

    for event in (event for verdict in wanted for event in verdict.events):
        assert matcher.match(event.body) == [str(number) for number in patterns]


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda path: path.name)
def test_every_file_is_utf8_without_tabs(path: Path) -> None:
    """People copy from these files."""
    assert "\t" not in path.read_text(encoding="utf-8")
