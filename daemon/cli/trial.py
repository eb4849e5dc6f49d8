"""`vigild test`: runs the tests written beside the rules."""

from __future__ import annotations

import typer

from daemon.cli.options import ConfigOption, RulesOption
from daemon.cli.run import overrides
from daemon.errors import ConfigError
from daemon.rules.load import load_rules
from daemon.rules.trial import Verdict, run_tests
from daemon.settings import load_settings


def test(config: ConfigOption = None, rules: RulesOption = None) -> None:
    """Run the tests written beside the rules; exit code 1 when a rule does not do what its test says."""
    settings = load_settings(config, overrides([], rules or []))
    targets = list(settings.targets)
    rule_set = load_rules(settings.rules, targets, targets)
    verdicts = list(run_tests(rule_set))
    failed = [verdict for verdict in verdicts if not verdict.passed]
    for verdict in failed:
        typer.echo(_sentence(verdict))
    untested = [name for name, rule in rule_set.rules.items() if not rule.tests]
    if untested:
        typer.echo(f"without tests: {', '.join(untested)}")
    if not verdicts:
        raise ConfigError("no rule has a test")
    typer.echo(f"{len(rule_set.rules)} rules, {len(verdicts)} tests, {len(failed)} failed")
    raise typer.Exit(1 if failed else 0)


def _sentence(verdict: Verdict) -> str:
    rule, test_case = verdict.rule, verdict.test
    if verdict.fault:
        what = f"the event cannot be read: {verdict.fault}"
    else:
        what = "matched, but must not" if verdict.matched else "did not match, but must"
    return f"{rule.origin}: {rule.matched.name}: {test_case.name!r}: {what}"
