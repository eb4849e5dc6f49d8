"""Everything in config/ works as it lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda path: path.name)
def test_every_file_is_utf8_without_tabs(path: Path) -> None:
    """People copy from these files."""
    assert "\t" not in path.read_text(encoding="utf-8")
