"""The alert rules: Prometheus takes them, and each fires when it should and only then."""

from __future__ import annotations

import re

import yaml

from tests.deploy.tools import DEPLOY, ROOT, run, tool

FOLDER = DEPLOY / "prometheus"


def test_prometheus_accepts_rules_and_configuration() -> None:
    """Its own checker finds no fault in the rules, nor in the example of a scrape configuration."""
    promtool = tool("promtool", "prometheus")

    assert "SUCCESS" in run(promtool, "check", "rules", "vigild.rules.yaml", cwd=FOLDER)
    assert "SUCCESS" in run(promtool, "check", "config", "prometheus.yml", cwd=FOLDER)


def test_alerts_fire_when_they_should() -> None:
    """The unit tests of the rules hold."""
    assert "SUCCESS" in run(tool("promtool", "prometheus"), "test", "rules", "vigild.rules.test.yaml", cwd=FOLDER)


def test_the_operations_page_explains_every_alert_and_no_other() -> None:
    """Its table has a row for each alert of the rules: what it means, what to do."""
    rules = yaml.safe_load((FOLDER / "vigild.rules.yaml").read_text())["groups"][0]["rules"]
    explained = re.findall(
        r"^\| (Vigild\w+) \| .+ \| .+ \|$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
    )

    assert sorted(explained) == sorted(rule["alert"] for rule in rules)


def test_every_alert_is_tested_both_ways_and_says_what_to_do() -> None:
    """Each alert has a test in which it fires, one in which it does not, and a runbook."""
    rules = yaml.safe_load((FOLDER / "vigild.rules.yaml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((FOLDER / "vigild.rules.test.yaml").read_text())["tests"]
    cases = [(case["alertname"], bool(case["exp_alerts"])) for test in tests for case in test["alert_rule_test"]]

    for rule in rules:
        assert {fires for name, fires in cases if name == rule["alert"]} == {True, False}, rule["alert"]
        assert rule["annotations"]["runbook"]
